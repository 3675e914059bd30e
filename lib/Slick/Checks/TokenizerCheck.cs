using System.Text.Json;
using Slick.Experiments;
using Slick.Runtime;
using Slick.Text;

namespace Slick.Checks;

/// <summary>Compares a folder's tokenizer with encodings that Hugging Face's tokenizers library made.</summary>
public static class TokenizerCheck
{
    /// <summary>
    /// Encodes and decodes every line of <c>golden.jsonl</c>, which lies beside <c>tokenizer.json</c>. A line is a JSON object:
    /// <c>text</c>,
    /// <c>ids</c> (with the added tokens), <c>ids_plain</c> (without them), <c>decoded</c> (the text of <c>ids_plain</c>).
    /// </summary>
    /// <param name="folder">The folder with both files.</param>
    /// <returns>For ids, plain ids and decoded text: the number of lines that differ, with the limit 0.</returns>
    /// <exception cref="SlickException">A file is missing or damaged.</exception>
    public static IReadOnlyList<Comparison> Run(string folder)
    {
        if (!Directory.Exists(folder)) throw new SlickException(
            $"{folder}: there is no such folder; name one with tokenizer.json and golden.jsonl.");
        var path = Path.Combine(folder, "golden.jsonl");
        if (!File.Exists(path)) throw new SlickException(
            $"{path}: there is no such file to compare with; 'python3 tests/data/make_golden.py tokenizer {folder}' makes it where Python "
            + "has tokenizers, and tests/data/README.md describes it.");
        var tokenizer = TokenizerJson.Read(Path.Combine(folder, "tokenizer.json"));
        var (ids, plain, decoded) = (new Differences(), new Differences(), new Differences());
        var number = 0;
        try
        {
            foreach (var line in File.ReadLines(path))
            {
                number++;
                if (line.Length == 0) continue;
                using var json = JsonDocument.Parse(line);
                var golden = new JsonPlace($"{path}, line {number}", "", json.RootElement);
                var text = golden["text"].Text();
                int[] expected = [.. golden["ids_plain"].Items().Select(p => p.Number())];
                ids.Add(number, text, string.Join(' ', golden["ids"].Items().Select(p => p.Number())),
                    string.Join(' ', tokenizer.Encode(text)));
                plain.Add(number, text, string.Join(' ', expected), string.Join(' ', tokenizer.Encode(text, addSpecialTokens: false)));
                decoded.Add(number, text, golden["decoded"].Text(), tokenizer.Decode(expected));
            }
        }
        catch (Exception e) when (e is IOException or JsonException or UnauthorizedAccessException)
        {
            throw new SlickException(
                $"{path}, line {number}: no readable golden encodings ({e.Message}); each line is a JSON object with text, ids, ids_plain "
                + $"and decoded.", e);
        }
        if (number == 0) throw new SlickException($"{path}: the file is empty.");
        return [ids.Compared("ids"), plain.Compared("ids without added tokens"), decoded.Compared("decoded text")];
    }

    private sealed class Differences
    {
        private int lines, wrong;
        private string first = "";

        public void Add(int line, string text, string expected, string got)
        {
            lines++;
            if (string.Equals(expected, got, StringComparison.Ordinal)) return;
            if (wrong++ == 0) first = FormattableString.Invariant(
                $"; first, in line {line}: {Quoted(text)} gives {Quoted(got)} instead of {Quoted(expected)}");
        }

        public Comparison Compared(string what) =>
            new(what, wrong, 0, FormattableString.Invariant($"{wrong} of {lines} lines differ{first}"));

        private static string Quoted(string text) => JsonSerializer.Serialize(text.Length > 200 ? text[..200] + "..." : text);
    }
}

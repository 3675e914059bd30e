using System.Globalization;
using System.Text;

namespace Slick.Text;

/// <summary>One step of decoding tokens into text.</summary>
internal delegate List<string> TokenDecoder(List<string> tokens);

/// <summary>Reads the decoders of tokenizer.json.</summary>
internal static class TokenDecoders
{
    /// <summary>The decoder that a place in tokenizer.json describes. Where it describes none, tokens are joined by spaces.</summary>
    public static TokenDecoder Read(JsonPlace place)
    {
        if (place.IsNothing) return tokens => [string.Join(' ', tokens)];
        switch (place["type"].Text())
        {
            case "Sequence":
                TokenDecoder[] all = [.. place["decoders"].Items().Select(Read)];
                return tokens => all.Aggregate(tokens, (t, decode) => decode(t));
            case "ByteLevel":
                return tokens => [Encoding.UTF8.GetString([.. tokens.SelectMany(ByteAlphabet.ToBytes)])];
            case "Replace":
                var (pattern, content) = (new TextPattern(place["pattern"]), place["content"].Text());
                return tokens => tokens.ConvertAll(t => pattern.Replace(t, content));
            case "ByteFallback":
                return ByteFallback;
            case "Fuse":
                return tokens => [string.Concat(tokens)];
            case "Strip":
                var (character, start, stop) = (place["content"].Character(), place["start"].Number(), place["stop"].Number());
                return tokens => tokens.ConvertAll(t => Strip(t, character, start, stop));
            case "Metaspace":
                var replacement = place["replacement"].Character("\u2581");
                var keeps = place["prepend_scheme"].Text(place["add_prefix_space"].Flag(true) ? "always" : "never") == "never";
                return tokens => [.. tokens.Select((t, i) =>
                    t.Replace(replacement, i == 0 && !keeps ? "" : " ", StringComparison.Ordinal))];
            case var other:
                throw place["type"].Wrong($"the decoder '{other}' is not supported");
        }
    }

    private static string Strip(string token, string character, int start, int stop)
    {
        for (; start > 0 && token.StartsWith(character, StringComparison.Ordinal); start--) token = token[character.Length..];
        for (; stop > 0 && token.EndsWith(character, StringComparison.Ordinal); stop--) token = token[..^character.Length];
        return token;
    }

    // Neighbouring tokens <0xNN> are UTF-8. Where their bytes are not valid UTF-8, each byte becomes U+FFFD.
    private static List<string> ByteFallback(List<string> tokens)
    {
        var result = new List<string>();
        var run = new List<byte>();
        void Flush()
        {
            if (run.Count == 0) return;
            try
            {
                result.Add(Strict.GetString([.. run]));
            }
            catch (DecoderFallbackException)
            {
                result.AddRange(Enumerable.Repeat("\uFFFD", run.Count));
            }
            run.Clear();
        }
        foreach (var token in tokens)
        {
            if (token.Length == 6 && token.StartsWith("<0x", StringComparison.Ordinal) && token[5] == '>'
                && byte.TryParse(token.AsSpan(3, 2), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out var value))
            {
                run.Add(value);
                continue;
            }
            Flush();
            result.Add(token);
        }
        Flush();
        return result;
    }

    private static readonly UTF8Encoding Strict = new(false, throwOnInvalidBytes: true);
}

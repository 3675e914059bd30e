using System.Text;

namespace Slick.Text;

/// <summary>Rewrites a text before it is split into pieces.</summary>
internal delegate string Normalizer(string text);

/// <summary>Reads the normalizers of tokenizer.json.</summary>
internal static class Normalizers
{
    /// <summary>The normalizer that a place in tokenizer.json describes; null where it describes none.</summary>
    public static Normalizer? Read(JsonPlace place)
    {
        if (place.IsNothing) return null;
        switch (place["type"].Text())
        {
            case "Sequence":
                Normalizer[] all = [.. place["normalizers"].Items().Select(Read).OfType<Normalizer>()];
                return text => all.Aggregate(text, (t, normalize) => normalize(t));
            case "NFC":
                return text => UnicodeForms.Normalize(text, compatible: false, compose: true);
            case "NFD":
                return text => UnicodeForms.Normalize(text, compatible: false, compose: false);
            case "NFKC":
                return text => UnicodeForms.Normalize(text, compatible: true, compose: true);
            case "NFKD":
                return text => UnicodeForms.Normalize(text, compatible: true, compose: false);
            case "Lowercase":
                return Lowercase;
            case "Prepend":
                var before = place["prepend"].Text();
                return text => text.Length == 0 ? text : before + text;
            case "Replace":
                var (pattern, content) = (new TextPattern(place["pattern"]), place["content"].Text());
                // With such a pattern Hugging Face tokenizers puts the content before a text twice, or ends the process.
                if (pattern.MayTakeNothing) throw place["pattern"]
                    .Wrong("a pattern that may match a text of no length where a text begins is not supported");
                return text => pattern.Replace(text, content);
            case "Strip":
                var (left, right) = (place["strip_left"].Flag(true), place["strip_right"].Flag(true));
                return text => left ? right ? text.Trim() : text.TrimStart() : right ? text.TrimEnd() : text;
            case "StripAccents":
                return UnicodeForms.WithoutMarks;
            case var other:
                throw place["type"].Wrong($"the normalizer '{other}' is not supported");
        }
    }

    /// <summary>True where a normalizer puts something before every text.</summary>
    public static bool Prepends(JsonPlace place) => !place.IsNothing && place["type"].Text() switch
    {
        "Sequence" => place["normalizers"].Items().Any(Prepends),
        "Prepend" => true,
        _ => false,
    };

    /// <summary>True where a normalizer can remove the beginning of a text.</summary>
    public static bool RemovesBeginning(JsonPlace place) => !place.IsNothing && place["type"].Text() switch
    {
        "Sequence" => place["normalizers"].Items().Any(RemovesBeginning),
        "Strip" => place["strip_left"].Flag(true),
        "StripAccents" => true,
        "Replace" => place["content"].Text().Length == 0 || place["pattern"]["String"].Text("").Length != 1,
        _ => false,
    };

    /// <summary>True where a normalizer can make several characters of a text's first character, or can put some before it.</summary>
    public static bool LengthensBeginning(JsonPlace place) => !place.IsNothing && place["type"].Text() switch
    {
        "Sequence" => place["normalizers"].Items().Any(LengthensBeginning),
        "Strip" or "StripAccents" => false,
        "Replace" => place["content"].Text().Length > 1 || place["pattern"]["String"].Text("").Length != 1,
        _ => true,
    };

    // Each character is mapped alone, without the rule for a sigma at the end of a word.
    private static string Lowercase(string text)
    {
        var result = new StringBuilder(text.Length);
        foreach (var rune in text.EnumerateRunes())
            if (rune.Value == 0x130) result.Append("i\u0307");
            else result.Append(Rune.ToLowerInvariant(rune));
        return result.ToString();
    }
}

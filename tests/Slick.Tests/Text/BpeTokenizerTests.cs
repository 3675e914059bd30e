using System.Text.Json;
using System.Text.Json.Nodes;
using DuckDB.NET.Data;
using Slick.Text;

namespace Slick.Tests.Text;

/// <summary>The parts of tokenizer.json, each on a file made by hand, with values that follow from their documentation.</summary>
public sealed class BpeTokenizerTests : IDisposable
{
    private readonly string folder = Scratch.Folder();

    public void Dispose() => Directory.Delete(folder, recursive: true);

    // A vocabulary of these tokens, numbered in order, and a tokenizer.json around it.
    private ITokenizer Make(string[] vocabulary, string[] merges, string parts = "{}", string model = "{}", string? config = null)
    {
        var json = new JsonObject
        {
            ["model"] = new JsonObject
            {
                ["type"] = "BPE",
                ["vocab"] = new JsonObject(vocabulary.Select((v, i) => KeyValuePair.Create<string, JsonNode?>(v, i))),
                ["merges"] = new JsonArray([.. merges.Select(m => JsonValue.Create(m))]),
            },
        };
        foreach (var (key, value) in JsonNode.Parse(parts)!.AsObject()) json[key] = value?.DeepClone();
        foreach (var (key, value) in JsonNode.Parse(model)!.AsObject()) json["model"]![key] = value?.DeepClone();
        var path = Path.Combine(folder, "tokenizer.json");
        File.WriteAllText(path, json.ToJsonString());
        if (config is not null) File.WriteAllText(Path.Combine(folder, "tokenizer_config.json"), config);
        return TokenizerJson.Read(path);
    }

    private static string[] Letters(string letters, params string[] more) => [.. letters.Select(c => c.ToString()), .. more];

    private static void Gives(ITokenizer tokenizer, string[] vocabulary, string text, string expected) =>
        Assert.Equal(expected, string.Join(' ', tokenizer.Encode(text).Select(id => vocabulary[id])));

    [Fact]
    public void Merges_AreMadeInTheOrderOfTheList_NotOfTheText()
    {
        var v = Letters("abcd", "bc", "ab", "abcd", "cd");
        Gives(Make(v, ["b c", "a b", "c d"]), v, "abcd", "a bc d");
        Gives(Make(v, ["a b", "b c", "c d", "ab cd"]), v, "abcdab", "abcd ab");
    }

    [Fact]
    public void SamePairTwice_IsMergedFromTheLeft()
    {
        var v = Letters("a", "aa", "aaaa");
        Gives(Make(v, ["a a"]), v, "aaaaa", "aa aa a");
        Gives(Make(v, ["a a", "aa aa"]), v, "aaaaa", "aaaa a");
    }

    [Fact]
    public void WholePiece_IsTakenWithoutMerges_WhereTheModelSaysSo()
    {
        var v = Letters("ab", "ab");
        Gives(Make(v, []), v, "ab", "a b");
        Gives(Make(v, [], model: """{"ignore_merges": true}"""), v, "ab", "ab");
    }

    [Fact]
    public void CharactersThatAreNotThere_BecomeBytes_OrUnknown_OrNothing()
    {
        var bytes = Enumerable.Range(0, 256).Select(b => $"<0x{b:X2}>").ToArray();
        string[] v = [.. Letters("a", "?"), .. bytes];
        Gives(Make(v, [], model: """{"byte_fallback": true}"""), v, "aé", "a <0xC3> <0xA9>");
        v = Letters("a", "?");
        Gives(Make(v, [], model: """{"unk_token": "?"}"""), v, "aéüa", "a ? ? a");
        Gives(Make(v, [], model: """{"unk_token": "?", "fuse_unk": true}"""), v, "aéüa", "a ? a");
        Gives(Make(v, []), v, "aéüa", "a a");
    }

    [Theory]
    [InlineData("")]
    [InlineData("nowhere")]
    public void UnknownTokenThatIsMissing_IsNamedWhenTheFileIsRead_UnlessNoTextNeedsIt(string unknown)
    {
        var model = $$"""{"unk_token": "{{unknown}}"}""";
        Assert.Contains("model.unk_token", Assert.Throws<SlickException>(() => Make(Letters("a"), [], model: model)).Message,
            StringComparison.Ordinal);
        // Without one letter of the alphabet of bytes a text may need it again.
        string[] alphabet = [.. Enumerable.Range(0, 256).Select(b => ByteAlphabet.Of((byte)b).ToString())];
        const string bytes = """{"pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": false}}""";
        Assert.Equal("Ã ©", string.Join(' ', Make(alphabet, [], bytes, model).Encode("é").Select(id => alphabet[id])));
        Assert.Throws<SlickException>(() => Make([.. alphabet.Where(c => c != "Ã")], [], bytes, model));
        string[] fallback = [.. Enumerable.Range(0, 256).Select(b => $"<0x{b:X2}>")];
        Gives(Make(fallback, [], model: $$"""{"unk_token": "{{unknown}}", "byte_fallback": true}"""), fallback, "é", "<0xC3> <0xA9>");
    }

    // What tokenizers 0.23.2 gives: the neighbours of what is left out meet, however long the piece is.
    [Theory]
    [InlineData("axb", "ab")]
    [InlineData("bbbbbbbbbbbbbbbbbaxb", "b b b b b b b b b b b b b b b b b ab")]
    [InlineData("axxx\U0001F600xbbbbbbbbbbbbbbbbbb", "ab b b b b b b b b b b b b b b b b b")]
    [InlineData("bbbbbbbbbbbbbbbbbba\U0001F600b", "b b b b b b b b b b b b b b b b b b ab")]
    public void CharacterThatIsLeftOut_IsNoWall(string text, string expected)
    {
        var v = Letters("ab", "ab");
        Gives(Make(v, ["a b"]), v, text, expected);
    }

    [Fact]
    public void UnpairedSurrogate_IsTheReplacementCharacter()
    {
        string[] v = ["a", "\uFFFD", .. Enumerable.Range(0, 256).Select(b => $"<0x{b:X2}>")];
        var tokenizer = Make(v, [], model: """{"byte_fallback": true}""");
        foreach (var text in (string[])["a\uD800a", "a\uDC00a"]) Gives(tokenizer, v, text, "a \uFFFD a");
        Gives(tokenizer, v, "a\uFFFDa", "a \uFFFD a");
        Gives(tokenizer, v, "\uD83D\uDE00", "<0xF0> <0x9F> <0x98> <0x80>");
    }

    // Hugging Face tokenizers normalises by Unicode 9.0: a later character has no decomposition, no class, and is no mark.
    [Theory]
    [InlineData("NFC", "\u0628\u08D3\u0650", "\u0628\u08D3\u0650")] // Unicode 10: a class of 220 would let the two change places
    [InlineData("NFC", "\u0628\u08E3\u0650", "\u0628\u0650\u08E3")] // Unicode 8
    [InlineData("NFKC", "\u32FF\U0001FBF1", "\u32FF\U0001FBF1")] // Unicode 12 and 13
    [InlineData("NFKC", "\u337E", "\u660E\u6CBB")]
    [InlineData("NFD", "\U00011938", "\U00011938")] // Unicode 13
    [InlineData("NFKD", "\uAB69\uA7F2", "\uAB69\uA7F2")] // Unicode 13 and 14
    [InlineData("StripAccents", "a\u08D3\U00011070\u0C3C", "a\u08D3\U00011070\u0C3C")]
    [InlineData("StripAccents", "a\u0301\u1CF2\u1CF3\U000111C9", "a\U000111C9")] // U+1CF2 and U+1CF3 were marks then, U+111C9 was none
    public void Normalizers_AreThoseOfUnicode9(string normalizer, string text, string expected)
    {
        using var json = JsonDocument.Parse($$"""{"type": "{{normalizer}}"}""");
        Assert.Equal(expected, Normalizers.Read(new JsonPlace("tokenizer.json", "normalizer", json.RootElement))!(text));
    }

    [Fact]
    public void EveryCodePointOfTheList_IsNormalisedAsByHuggingFace()
    {
        // Where the newer tables of Unicode 14 (marks: of .NET) differ from Hugging Face's.
        var lists = File.ReadAllLines(Shared.Require("cases/tokenizer-oracle/unicode_lists.txt"));
        List<string> Characters(string name) =>
            [.. lists.Single(l => l.StartsWith(name, StringComparison.Ordinal)).Split(": ")[^1].Split(' ').SelectMany(range =>
            {
                int[] ends = [.. range.Split('-').Select(e => Convert.ToInt32(e, 16))];
                return Enumerable.Range(ends[0], ends[^1] - ends[0] + 1).Select(char.ConvertFromUtf32);
            })];
        var (classes, decompositions, accents) =
            (Characters("Combining classes"), Characters("Decompositions"), Characters("StripAccents"));
        Assert.Equal((98, 73, 408), (classes.Count, decompositions.Count, accents.Count));
        foreach (var compatible in (bool[])[false, true])
            foreach (var compose in (bool[])[false, true])
            {
                Assert.All(decompositions, c => Assert.Equal(c, UnicodeForms.Normalize(c, compatible, compose)));
                Assert.All(classes, c => Assert.Equal("x\u0345" + c + "\u0334",
                    UnicodeForms.Normalize("x\u0345" + c + "\u0334", compatible, compose)));
            }
        foreach (var c in accents)
        {
            var category = System.Text.Rune.GetUnicodeCategory(System.Text.Rune.GetRuneAt(c, 0)).ToString();
            Assert.Equal(category.EndsWith("Mark", StringComparison.Ordinal) ? c : "", UnicodeForms.WithoutMarks(c));
        }
    }

    // Hugging Face tokenizers marks several pieces then, since all that was made of the first character begins where the text does.
    [Theory]
    [InlineData("""{"type": "Prepend", "prepend": "ab"}""", true)]
    [InlineData("""{"type": "NFD"}""", true)]
    [InlineData("""{"type": "Sequence", "normalizers": [{"type": "Lowercase"}]}""", true)]
    [InlineData("""{"type": "Replace", "pattern": {"String": "x"}, "content": "yz"}""", true)]
    [InlineData("""{"type": "Replace", "pattern": {"String": " "}, "content": "_"}""", false)]
    public void NormalizerThatLengthensTheBeginning_IsRefused_WhereTheTextIsCutBeforeItIsMarked(string normalizer, bool refused)
    {
        const string first = """{"type": "Metaspace", "replacement": "_", "prepend_scheme": "first"}""";
        const string split = """{"type": "Split", "pattern": {"String": "b"}, "behavior": "Isolated"}""";
        void Read(string cuts, string tokens = "[]") => Make(["a"], [],
            $$"""{"normalizer": {{normalizer}}, "pre_tokenizer": {{cuts}}, "added_tokens": {{tokens}}}""");
        void IsRefused(Action read)
        {
            if (refused) Assert.Contains("normalizer", Assert.Throws<SlickException>(read).Message, StringComparison.Ordinal);
            else read();
        }
        IsRefused(() => Read($$"""{"type": "Sequence", "pretokenizers": [{{split}}, {{first}}]}"""));
        IsRefused(() => Read($$"""{"type": "Sequence", "pretokenizers": [{"type": "Sequence", "pretokenizers": [{{split}}]},"""
            + $$""" {{first}}]}"""));
        IsRefused(() => Read(first, """[{"id": 0, "content": "a", "normalized": true}]"""));
        Read(first);
        Read(split);
        Read($$"""{"type": "Sequence", "pretokenizers": [{{first}}, {{split}}]}""");
        Read($$"""{"type": "Sequence", "pretokenizers": [{{split}}, {{first.Replace("first", "always", StringComparison.Ordinal)}}]}""");
    }

    // What tokenizers 0.23.2 gives. A match of no length at the beginning of a text goes wrong there, so it is refused when the file is
    // read.
    [Theory]
    [InlineData(@"(?<=\d)(?=\d)", "123a45", "1-2-3a4-5")]
    [InlineData("(?<=b)", "bab", "b-ab-")]
    [InlineData("(?:(?<=a)|b)", "abba", "a-b-a-")]
    [InlineData("(?=b)", null, null)]
    [InlineData(@"(?<=b|^)(?=\d)", null, null)]
    [InlineData("(?!a)", null, null)]
    [InlineData("a|(?=b)", null, null)]
    [InlineData("(?<=b)*", null, null)]
    [InlineData("(?<!b)", null, null)]
    [InlineData("$", null, null)]
    [InlineData("a{0,2}", null, null)]
    [InlineData("a{2}?", null, null)]
    public void ReplacedNothing_IsRightOrRefusedWhenTheFileIsRead(string pattern, string? text, string? expected)
    {
        using var json = JsonDocument.Parse($$$"""{"type": "Replace", "pattern": {"Regex": {{{JsonSerializer.Serialize(pattern)}}}},"""
            + $$$""" "content": "-"}""");
        var place = new JsonPlace("tokenizer.json", "normalizer", json.RootElement);
        if (text is not null) Assert.Equal(expected, Normalizers.Read(place)!(text));
        else Assert.Contains("normalizer.pattern", Assert.Throws<SlickException>(() => Normalizers.Read(place)).Message,
            StringComparison.Ordinal);
    }

    // What tokenizers 0.23.2 gives where one byte of the euro sign is missing.
    [Theory]
    [InlineData(true, "€é€a", "<0xC3> <0xA9> ? a")]
    [InlineData(true, "€€é", "<0xC3> <0xA9> ?")]
    [InlineData(true, "éééé€€€€éééééééééa",
        "<0xC3> <0xA9> <0xC3> <0xA9> <0xC3> <0xA9> <0xC3> <0xA9> <0xC3> <0xA9> <0xC3> <0xA9> <0xC3> <0xA9> <0xC3> <0xA9> <0xC3> <0xA9> "
        + "<0xC3> <0xA9> <0xC3> <0xA9> <0xC3> <0xA9> <0xC3> <0xA9> ? a")]
    [InlineData(false, "€é€a", "<0xC3> <0xA9> ? ? a")]
    [InlineData(false, "€€é", "? <0xC3> <0xA9> ?")]
    [InlineData(false, "éé€€€€éééééééééééa",
        "<0xC3> <0xA9> <0xC3> <0xA9> ? ? ? <0xC3> <0xA9> <0xC3> <0xA9> <0xC3> <0xA9> <0xC3> <0xA9> <0xC3> <0xA9> <0xC3> <0xA9> <0xC3> "
        + "<0xA9> <0xC3> <0xA9> <0xC3> <0xA9> <0xC3> <0xA9> <0xC3> <0xA9> ? a")]
    public void Unknown_WaitsBehindBytes_WhereSomeAreMissing(bool fuse, string text, string expected)
    {
        string[] v = [.. Letters("a", "?"), .. Enumerable.Range(0, 256).Where(b => b != 0xE2).Select(b => $"<0x{b:X2}>")];
        Gives(Make(v, [], model: $$"""{"byte_fallback": true, "unk_token": "?", "fuse_unk": {{(fuse ? "true" : "false")}}}"""), v, text,
            expected);
    }

    [Fact]
    public void Merges_MayBeginWithTheirVersion()
    {
        var v = Letters("ab", "ab");
        Gives(Make(v, ["#version: 0.2", "a b"]), v, "ab", "ab");
    }

    [Theory]
    [InlineData("Removed", "a b c")]
    [InlineData("Isolated", "a - - b - c")]
    [InlineData("MergedWithPrevious", "a- - b- c")]
    [InlineData("MergedWithNext", "a - -b -c")]
    [InlineData("Contiguous", "a -- b - c")]
    public void Split_TreatsItsMatches(string behavior, string expected)
    {
        var v = Letters("abc-", "a-", "-b", "-c", "b-", "--");
        var tokenizer = Make(v, ["a -", "b -", "- b", "- c", "- -"],
            $$$"""{"pre_tokenizer": {"type": "Split", "pattern": {"String": "-"}, "behavior": "{{{behavior}}}", "invert": false}}""",
                """{"ignore_merges": true}""");
        Gives(tokenizer, v, "a--b-c", expected);
    }

    [Fact]
    public void Split_Inverted_KeepsTheMatches()
    {
        var v = Letters("ab1");
        Gives(Make(v, [], """{"pre_tokenizer": {"type": "Split", "pattern": {"Regex": "\\d+"}, "behavior": "Removed", "invert": true}}"""),
            v, "a1b11", "1 1 1");
    }

    [Theory]
    [InlineData("'(?:[a-z])+", "don't stop")]
    [InlineData("[^\\r\\n\\p{L}\\p{N}]?+\\p{L}+", "one  two")]
    [InlineData("\\p{Lu}?\\p{Ll}++", "One tWo")]
    [InlineData("(?i:'S|'T)", "it's 'T")]
    public void Patterns_OfOniguruma_AreRead(string pattern, string text)
    {
        // Isolated: whatever is matched, nothing of the text is lost.
        var v = Letters("abcdefghijklmnopqrstuvwxyzOTWS' ");
        var json = $$$"""{"pre_tokenizer": {"type": "Split", "pattern": {"Regex": {{{JsonSerializer.Serialize(pattern)}}} },"""
            + $$$""" "behavior": "Isolated", "invert": false}}""";
        Gives(Make(v, [], json), v, text, string.Join(' ', text.Select(c => c.ToString())));
    }

    [Fact]
    public void LettersBeyondTheFirstPlane_AreLetters()
    {
        var pattern = new TextPattern(@"\p{L}+|[^\s\p{L}\p{N}]+|\p{N}");
        const string text = "\U00010400b\U0001F600\U0001D7D8x"; // a Deseret letter, an emoji, a mathematical digit
        Assert.Equal(["\U00010400b", "\U0001F600", "\U0001D7D8", "x"], pattern.Matches(text).Select(m => text[m.Begin..m.End]));
    }

    // What tokenizers 0.23.2 cuts with Split, isolated.
    [Theory]
    [InlineData(@"(?=(\d{3})+(?!\d))", "a1234567", "a1|234|567")]
    [InlineData(@"(?<=[a-z])(?=[A-Z])", "oneTwoThree", "one|Two|Three")]
    [InlineData(@"\d*", "a12b", "a|12|b")]
    [InlineData("^", "a\nb\n", "a\n|b\n")]
    [InlineData("$", "a\nb\n", "a|\nb|\n")]
    [InlineData(@"\w+", "a\u0903\u20DD b\u00B2\u2460", "a\u0903\u20DD| |b\u00B2|\u2460")]
    [InlineData(@"\W+", "a\u24B6..\U0001F130", "a\u24B6|..|\U0001F130")]
    [InlineData(@"[\w.]+", "a\u0903.-", "a\u0903.|-")]
    [InlineData(@"[\w]", "a\u00B2\u00B3", "a|\u00B2\u00B3")]
    [InlineData("a{,2}b", "aaab", "a|aab")]
    [InlineData(@"\d{1,3}+", "12345a", "12345|a")]
    [InlineData("a{2}?b", "aaab", "a|aab")]
    [InlineData("(?i:'s)t", "it'st'\u017Ft'St", "it|'st|'\u017Ft|'St")]
    [InlineData("(?i:[p-t])|u", "s\u017FuU", "s|\u017F|u|U")]
    [InlineData("[-a]+|[!-/]", "-a.", "-a|.")]
    [InlineData("[\u0531\u00AB]", "\U00010400\u0531\u00AB", "\U00010400|\u0531|\u00AB")]
    [InlineData(@"(?i:'s|'t)", "it'\u017Fx", "it|'\u017F|x")]
    [InlineData(@"(?i:[sdmt])x", "a\u017Fxb", "a|\u017Fx|b")]
    [InlineData(@"(?i)s+", "as\u017FSb", "a|s\u017FS|b")]
    [InlineData(@"s+", "as\u017FSb", "a|s|\u017FSb")]
    [InlineData(@"(?=(\d{3})+(?!\d))", "1234567", "1|234|567")]
    [InlineData(@"^b", "a\nb", "a\n|b")]
    [InlineData(@"\w+", "a\u00B2\u24B6\u2163!\U0001F130", "a\u00B2\u24B6\u2163|!|\U0001F130")]
    [InlineData(@"[\w-]+", "a-\u00B2 !", "a-|\u00B2 !")]
    [InlineData(@"a{,2}", "aaa", "aa|a")]
    [InlineData(@"\p{N}{1,3}+", "12345ab", "12345|ab")]
    [InlineData(@"\p{N}{2}", "12345", "12|34|5")]
    [InlineData(@"x?+x|y", "xxy", "xx|y")]
    [InlineData("[a[bc]]+", "xabcz", "x|abc|z")]
    [InlineData("[^a[bc]]+", "xyabz", "xy|ab|z")]
    [InlineData("[^(\\s|[.,!?\u3002])]+", "a b.c\u3002d", "a| |b|.|c|\u3002|d")] // as BLOOM's
    [InlineData("[[a-c]\u4E00-\u4E10]+", "xb\u4E05y", "x|b\u4E05|y")]
    [InlineData("\U0001F600+", "a\U0001F600\U0001F600\U0001F601b", "a|\U0001F600\U0001F600|\U0001F601b")]
    [InlineData("[\U0001F600-\U0001F64F]", "a\U0001F600\U0001F650\u00A6\u00A9", "a|\U0001F600|\U0001F650\u00A6\u00A9")]
    [InlineData("[A\U00010400-\U0001044F]+", "\U00010400A\U00010428\u0531\u00C0\U00010450\u0561",
        "\U00010400A\U00010428|\u0531\u00C0\U00010450\u0561")]
    [InlineData("[\u24B6-\u24E9\u0800-\u4E00]+", "\u24B6\U0001F130\u0900", "\u24B6|\U0001F130|\u0900")]
    [InlineData(@"\w+", "\U0001F130a\u0482\U0001F14A", "\U0001F130a|\u0482\U0001F14A")]
    [InlineData("[^\U0001F130]+", "\U0001F130\U0001F131a", "\U0001F130|\U0001F131a")]
    public void Patterns_CutAsOniguruma(string pattern, string text, string expected)
    {
        var json = $$$"""{"type": "Split", "pattern": {"Regex": {{{JsonSerializer.Serialize(pattern)}}} }, "behavior": "Isolated","""
            + $$$""" "invert": false}""";
        Assert.Equal(expected, string.Join('|', Cut(json, text)));
    }

    [Fact]
    public void PatternWithoutLength_CutsEveryCharacter()
    {
        Assert.Equal(["a", "\U0001F600", "b"], Cut("""{"type": "Split", "pattern": {"String": ""}, "behavior": "Isolated"}""",
            "a\U0001F600b"));
        Assert.Equal(["a", "b"], Cut("""{"type": "Split", "pattern": {"String": ""}, "behavior": "Removed"}""", "ab"));
    }

    [Fact]
    public void Whitespace_CutsWordsAsRust() =>
        Assert.Equal(["a\u20DD\u200Db\u2167", "\u00B2", "\U0001F130", "\U0001F600"], Cut("""{"type": "Whitespace"}""",
            "a\u20DD\u200Db\u2167\u00B2 \U0001F130\U0001F600"));

    // The pieces that a pre-tokenizer makes of a text.
    private static List<string> Cut(string preTokenizer, string text)
    {
        using var json = JsonDocument.Parse(preTokenizer);
        var pieces = new List<string>();
        PreTokenizers.Read(new JsonPlace("tokenizer.json", "pre_tokenizer", json.RootElement))!(text, true, pieces);
        return pieces;
    }

    [Theory]
    [InlineData(@"\b")]
    [InlineData(@"[\W]")]
    [InlineData("[a[^bc]]")]
    [InlineData("[[a-c]-e]")]
    [InlineData("(?i:[\U00010400-\U00010450])")]
    [InlineData("[a-z&&[^aeiou]]")]
    [InlineData("[[:alpha:]]")]
    [InlineData("[a-z-[aeiou]]")]
    [InlineData("[a-c-e]")]
    [InlineData(@"[\d-z]")]
    [InlineData("[\u0000-\uFFFF]")]
    [InlineData("(?m).")]
    [InlineData("a(?i)b|c")]
    [InlineData("(?i:st)")]
    [InlineData("(?i:\u00E5)")]
    [InlineData(@"(?i:\p{Lu})")]
    [InlineData(@"\p{IsGreek}")]
    [InlineData(@"(a)\1")]
    [InlineData(@"\xE9")]
    [InlineData("a+?+")]
    [InlineData("a{2}{3}")]
    [InlineData("(?<n-m>a)")]
    [InlineData("(?<=a*+)b")]
    [InlineData("(?:a?+)*a")]
    [InlineData("((?>a|ab)c)+")]
    [InlineData("(?<!(?>a|ab))c")]
    [InlineData("a)")]
    [InlineData("[a")]
    [InlineData(@"\bword\b")]
    [InlineData(@"[\W_]")]
    [InlineData("[[:alpha:]]+")]
    [InlineData("[a-z&&[^x]]")]
    [InlineData("(?m:a.b)")]
    public void Patterns_ThatDotNetReadsDifferently_AreRefused(string pattern)
    {
        var json = $$$"""{"pre_tokenizer": {"type": "Split", "pattern": {"Regex": {{{JsonSerializer.Serialize(pattern)}}} },"""
            + $$$""" "behavior": "Isolated"}}""";
        Assert.Contains("pre_tokenizer.pattern.Regex", Assert.Throws<SlickException>(() => Make(["a"], [], json)).Message,
            StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("""{"decoder": {"type": "Metaspace", "replacement": ""}}""", "decoder.replacement")]
    [InlineData("""{"decoder": {"type": "Metaspace", "replacement": "__"}}""", "decoder.replacement")]
    [InlineData("""{"decoder": {"type": "Strip", "content": "", "start": 1, "stop": 0}}""", "decoder.content")]
    [InlineData("""{"pre_tokenizer": {"type": "Metaspace", "replacement": ""}}""", "pre_tokenizer.replacement")]
    public void NoSingleCharacter_IsRefused(string json, string place)
    {
        var message = Assert.Throws<SlickException>(() => Make(["a"], [], json)).Message;
        Assert.Contains($"{place} = ", message, StringComparison.Ordinal);
        Assert.EndsWith(": expected is one character.", message, StringComparison.Ordinal);
    }

    [Fact]
    public void Patterns_ThatAreFarLongerThanAnyKnown_AreRefused()
    {
        var json = """{"pre_tokenizer": {"type": "Split", "behavior": "Isolated", "pattern": {"Regex": "EXPRESSION"}}}""";
        ITokenizer With(int pairs) => Make(["a"], [], json.Replace("EXPRESSION", string.Concat(Enumerable.Repeat("a ", pairs)),
            StringComparison.Ordinal));
        Assert.NotNull(With(2000));
        var message = Assert.Throws<SlickException>(() => With(2001)).Message;
        Assert.Contains("pre_tokenizer.pattern.Regex = ", message, StringComparison.Ordinal);
        Assert.EndsWith("the expression has 4002 characters, more than 4000.", message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("[", "a", "]")]
    [InlineData("(?:", "a", ")")]
    [InlineData("(", "a", ")")]
    [InlineData("[a", "", "")]
    public void Patterns_InsideEachOther_AreRefusedBeyondSomeHundreds(string open, string inner, string close)
    {
        string Json(int times) => $$$"""{"pre_tokenizer": {"type": "Split", "behavior": "Isolated", "pattern": {"Regex": """
            + JsonSerializer.Serialize(string.Concat(Enumerable.Repeat(open, times)) + inner
                + string.Concat(Enumerable.Repeat(close, times))) + "}}}";
        if (close.Length > 0) Assert.Single(Make(["a"], [], Json(200)).Encode("a"));
        Assert.Contains($"a '{open[0]}' inside 250 others", Assert.Throws<SlickException>(() => Make(["a"], [], Json(300))).Message,
            StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("first", "_a _b")]
    [InlineData("always", "_a _b")]
    [InlineData("never", "a _b")]
    public void Metaspace_MarksWords(string scheme, string expected)
    {
        var v = Letters("ab_", "_a", "_b");
        var json = $$$"""{"pre_tokenizer": {"type": "Metaspace", "replacement": "_", "prepend_scheme": "{{{scheme}}}", "split": true},"""
            + $$$""" "decoder": {"type": "Metaspace", "replacement": "_", "prepend_scheme": "{{{scheme}}}"}}""";
        var tokenizer = Make(v, ["_ a", "_ b"], json);
        Gives(tokenizer, v, "a b", expected);
        Assert.Equal("a b", tokenizer.Decode(tokenizer.Encode("a b")));
    }

    [Fact]
    public void Metaspace_First_LeavesWhatFollowsAnAddedTokenAlone()
    {
        var v = Letters("ab_", "_a", "_b", "<x>");
        const string json = """{"pre_tokenizer": {"type": "Metaspace", "replacement": "_", "prepend_scheme": "SCHEME", "split": false},"""
            + """ "added_tokens": [{"id": 5, "content": "<x>", "normalized": false, "special": true}]}""";
        Gives(Make(v, ["_ a", "_ b"], json.Replace("SCHEME", "first", StringComparison.Ordinal)), v, "a<x>b", "_a <x> b");
        Gives(Make(v, ["_ a", "_ b"], json.Replace("SCHEME", "always", StringComparison.Ordinal)), v, "a<x>b", "_a <x> _b");
    }

    [Theory]
    [InlineData("first", " a b", "a b")]
    [InlineData("first", "a b", "_a b")]
    [InlineData("always", " a b", "_a _b")]
    public void Metaspace_First_LooksForTheBeginningOfTheText_NotForTheFirstPiece(string scheme, string text, string expected)
    {
        var v = Letters("ab_", "_a", "_b");
        Gives(Make(v, ["_ a", "_ b"], $$$"""{"pre_tokenizer": {"type": "Sequence", "pretokenizers": [{"type": "WhitespaceSplit"},"""
            + $$$""" {"type": "Metaspace", "replacement": "_", "prepend_scheme": "{{{scheme}}}", "split": true}]}}"""), v, text, expected);
    }

    [Fact]
    public void AddedTokens_KeepTheirFlags()
    {
        var v = Letters("ab ", "<x>", "<long>", "<");
        string Added(string flags, string content = "<x>", int id = 3) =>
            $$$"""{"added_tokens": [{"id": {{{id}}}, "content": "{{{content}}}", "special": true{{{flags}}}}]}""";
        Gives(Make(v, [], Added("")), v, "a <x> b", "a   <x>   b");
        Gives(Make(v, [], Added(", \"lstrip\": true")), v, "a <x> b", "a <x>   b");
        Gives(Make(v, [], Added(", \"rstrip\": true")), v, "a <x> b", "a   <x> b");
        Gives(Make(v, [], Added(", \"single_word\": true", "a", 0)), v, "ab a", "a b   a");
    }

    [Fact]
    public void AddedToken_StandsInItsNormalForm_WhenItIsDecoded()
    {
        var v = Letters("abx", "<X>");
        const string json = """{"normalizer": {"type": "Lowercase"}, "decoder": {"type": "Fuse"}, "added_tokens": [{"id": 3,"""
            + """ "content": "<X>", "normalized": NORMALIZED}]}""";
        var normalized = Make(v, [], json.Replace("NORMALIZED", "true", StringComparison.Ordinal));
        Gives(normalized, v, "A<x>B", "a <X> b");
        Assert.Equal("a<x>b", normalized.Decode(normalized.Encode("A<x>B")));
        var plain = Make(v, [], json.Replace("NORMALIZED", "false", StringComparison.Ordinal));
        Assert.Equal("a<X>b", plain.Decode(plain.Encode("A<X>B")));
    }

    [Theory]
    [InlineData("ab\u200D")]
    [InlineData("ab\u24B6")]
    [InlineData("ab\U0001F150")]
    [InlineData("ab\u0903")]
    [InlineData("ab\u2167")]
    public void SingleWord_LooksForRustsCharactersOfWords(string text)
    {
        var v = Letters("ab", "?", "ab");
        const string json = """{"added_tokens": [{"id": 3, "content": "ab", "single_word": true, "normalized": false}]}""";
        Gives(Make(v, [], json, """{"unk_token": "?"}"""), v, text, "a b ?");
        Gives(Make(v, [], json, """{"unk_token": "?"}"""), v, "ab\u00B2 ab", "ab ? ? ab");
    }

    [Fact]
    public void AddedTokens_AreFoundInStrippedSpaceAgain()
    {
        // added_vocabulary.rs, find_matches: the trie goes on behind the content.
        var v = Letters("ab ", "<x>", "\n", "  ");
        string Added(string flags) => $$$"""{"added_tokens": [{"id": 3, "content": "<x>", "rstrip": true, "normalized": false}, {"id": 4,"""
            + $$$""" "content": "\n", "normalized": false{{{flags}}}}]}""";
        Gives(Make(v, [], Added("")), v, "a<x> \n b", "a <x> \n   b");
        Gives(Make(v, [], Added(", \"lstrip\": true")), v, "a<x> \nb", "a <x> b");
        Gives(Make(v, [], Added(", \"rstrip\": true")), v, "a<x> \n b", "a <x> \n b");
    }

    [Fact]
    public void AddedTokens_TheLongestWins()
    {
        var v = Letters("ab", "<x", "<x>");
        Gives(Make(v, [], """{"added_tokens": [{"id": 2, "content": "<x", "special": true}, {"id": 3, "content": "<x>","""
            + """ "special": true}]}"""), v, "a<x>b<x", "a <x> b <x");
    }

    [Fact]
    public void Normalizers_Rewrite()
    {
        var v = Letters("abäi_!\u0307e");
        Gives(Make(v, [], """{"normalizer": {"type": "Sequence", "normalizers": [{"type": "Strip", "strip_left": true,"""
            + """ "strip_right": false}, {"type": "Lowercase"}, {"type": "Replace", "pattern": {"String": " "}, "content": "_"},"""
            + """ {"type": "Prepend", "prepend": "!"}]}}"""),
            v, " A\u0130 ", "! a i \u0307 _");
        Gives(Make(v, [], """{"normalizer": {"type": "Sequence", "normalizers": [{"type": "NFD"}, {"type": "StripAccents"}]}}"""), v,
            "äé", "a e");
        Gives(Make(v, [], """{"normalizer": {"type": "StripAccents"}}"""), v, "a\u0903\u0488\u0301b", "a b"); // Mc, Me, Mn
        Gives(Make(v, [], """{"normalizer": {"type": "NFC"}}"""), v, "a\u0308", "ä");
    }

    [Fact]
    public void PostProcessorAndConfig_SayWhatStandsAround()
    {
        var v = Letters("a", "<s>", "</s>");
        const string template = """{"post_processor": {"type": "TemplateProcessing", "single": [{"SpecialToken": {"id": "<s>","""
            + """ "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}], "special_tokens": {"<s>": {"id": "<s>", "ids": [1],"""
            + """ "tokens": ["<s>"]}}}, "decoder": {"type": "Fuse"}}""";
        var plain = Make(v, [], template);
        Assert.Equal([1, 0], plain.Encode("a"));
        Assert.Equal([0], plain.Encode("a", addSpecialTokens: false));
        Assert.Equal((1, null), (plain.BosId, plain.EosId));
        // update_post_processor of transformers 5: a key of the two that is missing counts as false.
        foreach (var (keys, expected) in ((string, int[])[])[
            (""", "add_bos_token": false, "add_eos_token": true""", [0, 2]), (""", "add_eos_token": true""", [0, 2]),
                (""", "add_eos_token": false""", [0]),
            (""", "add_bos_token": true""", [1, 0]), (""", "add_bos_token": null""", [0]), ("", [1, 0])])
        {
            var told = Make(v, [], template, config: $$"""{"bos_token": {"content": "<s>"}, "eos_token": "</s>"{{keys}}}""");
            Assert.Equal(expected, told.Encode("a"));
            Assert.Equal((1, 2), (told.BosId, told.EosId));
        }
        var roberta = Make(v, [], """{"post_processor": {"type": "RobertaProcessing", "sep": ["</s>", 2], "cls": ["<s>", 1]}}""",
            config: "{}");
        Assert.Equal([1, 0, 2], roberta.Encode("a"));
    }

    // What tokenizers 0.23.2 decodes; of a normalizer such patterns are refused.
    [Theory]
    [InlineData("""{"Regex": "x*"}""", "-a-b- - -a-b-")]
    [InlineData("""{"Regex": "^"}""", "-ab -x -axb")]
    [InlineData("""{"String": ""}""", "-a-b- -x- -a-x-b-")]
    public void DecoderThatReplacesNothing_AddsToTheToken(string pattern, string expected)
    {
        var tokenizer = Make(["ab", "x", "axb"], [], $$$"""{"decoder": {"type": "Replace", "pattern": {{{pattern}}}, "content": "-"}}""");
        Assert.Equal(expected, string.Join(' ', Enumerable.Range(0, 3).Select(id => tokenizer.Decode([id]))));
    }

    [Fact]
    public void LineFeeds_AreFoundInEveryKindOfVocabulary()
    {
        string[] byteLevel = ["a", "Ċ", "Ċa", "ĠĊ"];
        var first = Make(byteLevel, [], """{"pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": false},"""
            + """ "decoder": {"type": "ByteLevel"}}""");
        Assert.Equal([false, true, true, false], Enumerable.Range(0, 4).Select(first.StartsWithLineFeed));
        string[] fallback = ["a", "<0x0A>", "\n\n", "_a"];
        var second = Make(fallback, [], """{"decoder": {"type": "Sequence", "decoders": [{"type": "Replace", "pattern": {"String": "_"},"""
            + """ "content": " "}, {"type": "ByteFallback"}, {"type": "Fuse"}]}}""");
        Assert.Equal([false, true, true, false], Enumerable.Range(0, 4).Select(second.StartsWithLineFeed));
        Assert.False(second.StartsWithLineFeed(99));
    }

    [Fact]
    public void ByteLevel_GivesBackEveryText()
    {
        var alphabet = Enumerable.Range(0, 256).Select(b => Byte(b)).ToArray();
        var tokenizer = Make(alphabet, [], """{"pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": false},"""
            + """ "decoder": {"type": "ByteLevel"}}""");
        var random = new Random(5);
        for (var i = 0; i < 300; i++)
        {
            var text = string.Concat(Enumerable.Range(0, random.Next(30)).Select(_ => char.ConvertFromUtf32(random.Next(4) switch
            {
                0 => random.Next(0x20, 0x7F),
                1 => random.Next(0xA0, 0x3000),
                2 => random.Next(0x1F300, 0x1F700),
                _ => random.Next(0, 0x20),
            })));
            Assert.Equal(text, tokenizer.Decode(tokenizer.Encode(text)));
        }
        // The letter of a byte: GPT-2's printable ones stand for themselves, the others follow U+0100.
        static string Byte(int b) => b is >= 33 and <= 126 or >= 161 and <= 172 or >= 174 ? ((char)b).ToString()
            : ((char)(256 + Enumerable.Range(0, b).Count(o => o is not (>= 33 and <= 126 or >= 161 and <= 172 or >= 174)))).ToString();
    }

    [Fact]
    public void ManyThreads_EncodeAsOne()
    {
        var tokenizer = TokenizerJson.Read(Shared.Require("reference/tokenizers/llama3/tokenizer.json"));
        var texts = File.ReadLines(Shared.Require("reference/tokenizers/llama3/golden.jsonl"))
            .Select(l => JsonNode.Parse(l)!["text"]!.GetValue<string>()).ToArray();
        var alone = texts.Select(t => tokenizer.Encode(t)).ToArray();
        var fresh = TokenizerJson.Read(Shared.Require("reference/tokenizers/llama3/tokenizer.json"));
        var together = new int[4 * texts.Length][];
        Parallel.For(0, together.Length, i => together[i] = fresh.Encode(texts[i % texts.Length]));
        for (var i = 0; i < together.Length; i++) Assert.Equal(alone[i % texts.Length], together[i]);
    }

    [Theory]
    [InlineData("""{"pre_tokenizer": {"type": "BertPreTokenizer"}}""", "{}", "pre_tokenizer.type")]
    [InlineData("""{"pre_tokenizer": {"type": "Sequence", "pretokenizers": [{"type": "Split", "pattern": {"Regex": "("},"""
        + """ "behavior": "Isolated"}]}}""", "{}", "pre_tokenizer.pretokenizers[0].pattern.Regex")]
    [InlineData("""{"pre_tokenizer": {"type": "Split", "pattern": {"String": " "}, "behavior": "Somehow"}}""", "{}",
        "pre_tokenizer.behavior")]
    [InlineData("""{"normalizer": {"type": "Precompiled"}}""", "{}", "normalizer.type")]
    [InlineData("""{"normalizer": {"type": "Replace", "pattern": {"Regex": "^"}, "content": "a"}}""", "{}", "normalizer.pattern")]
    [InlineData("""{"normalizer": {"type": "Replace", "pattern": {"String": ""}, "content": "a"}}""", "{}", "normalizer.pattern")]
    [InlineData("""{"decoder": {"type": "CTC"}}""", "{}", "decoder.type")]
    [InlineData("""{"post_processor": {"type": "Odd"}}""", "{}", "post_processor.type")]
    [InlineData("""{"added_tokens": [{"id": 0, "content": "<s>"}]}""", "{}", "added_tokens[0].id")]
    [InlineData("{}", """{"merges": ["a x"]}""", "model.merges[0]")]
    [InlineData("{}", """{"merges": [["a"]]}""", "model.merges[0]")]
    [InlineData("""{"version": "2.0"}""", "{}", "version")]
    [InlineData("""{"added_tokens": [{"id": 3, "content": "c"}]}""", "{}", "added_tokens[0].id")]
    [InlineData("""{"added_tokens": [{"id": 2, "content": "c"}, {"id": 3, "content": "a"}]}""", "{}", "added_tokens[1].id")]
    [InlineData("""{"added_tokens": [{"id": 2000000000, "content": "c"}]}""", "{}", "added_tokens[0].id")]
    [InlineData("""{"added_tokens": [{"id": 1, "content": "b"}]}""", """{"vocab": {"a": 1}}""", "added_tokens[0].id")]
    [InlineData("""{"post_processor": {"type": "Sequence", "processors": [{"type": "RobertaProcessing", "sep": ["b", 1], "cls": ["a","""
        + """ 0]}, {"type": "RobertaProcessing", "sep": ["b", 1], "cls": ["a", 0]}]}}""", "{}", "post_processor.processors[1]")]
    [InlineData("""{"normalizer": {"type": "Sequence", "normalizers": [{"type": "Strip"}]}, "pre_tokenizer": {"type": "Metaspace","""
        + """ "replacement": "_", "prepend_scheme": "first"}}""", "{}", "normalizer")]
    [InlineData("{}", """{"vocab": {"a": 2000000000}}""", "model.vocab['a']")]
    [InlineData("{}", """{"vocab": {"a": 0, "b": 0}}""", "model.vocab['b']")]
    [InlineData("{}", """{"vocab": {"a": -1}}""", "model.vocab['a']")]
    [InlineData("{}", """{"end_of_word_suffix": "</w>"}""", "model.end_of_word_suffix")]
    [InlineData("{}", """{"dropout": 0.1}""", "model.dropout")]
    [InlineData("{}", """{"type": "Unigram"}""", "model.type")]
    public void WhatIsNotSupported_IsNamedByItsKey(string parts, string model, string key)
    {
        var error = Assert.Throws<SlickException>(() => Make(["a", "b"], [], parts, model));
        Assert.Contains(key, error.Message, StringComparison.Ordinal);
        Assert.Contains("tokenizer.json", error.Message, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', error.Message);
    }

    [Theory]
    [InlineData("", "")]
    [InlineData("decoder", """{"type": "Fuse"}""")]
    [InlineData("normalizer", """{"type": "Lowercase"}""")]
    [InlineData("post_processor", "null")]
    [InlineData("post_processor", """{"type": "RobertaProcessing", "sep": ["</s>", 2], "cls": ["<s>", 1]}""")]
    [InlineData("added_tokens", """[{"id": 4, "content": "\\n"}]""")]
    [InlineData("added_tokens", """[{"id": 1, "content": "<s>", "normalized": false, "special": true, "lstrip": true}]""")]
    [InlineData("model", """{"type": "WordLevel", "unk_token": "<unk>", "vocab": {"<pad>": 0, "<s>": 1, "</s>": 2, "<unk>": 3, "a": 5}}""")]
    [InlineData("model", """{"type": "WordLevel", "unk_token": "<unk>", "vocab": {"<pad>": 0, "<s>": 1, "</s>": 2, "<unk>": 3, "a": 3}}""")]
    [InlineData("version", "\"2.0\"")]
    public void WordLevel_ReadsWhatItWrites_AndNoMore(string key, string value)
    {
        var written = WordLevelTokenizer.Train(["a b\nc"]);
        written.Save(folder);
        var path = Path.Combine(folder, "tokenizer.json");
        if (key.Length == 0)
        {
            Assert.Equal(written.Encode("a c\nd"), TokenizerJson.Read(path).Encode("a c\nd"));
            File.WriteAllText(Path.Combine(folder, "tokenizer_config.json"), """{"add_eos_token": true}""");
            key = "add_eos_token";
        }
        else
        {
            var json = JsonNode.Parse(File.ReadAllText(path))!;
            json[key] = JsonNode.Parse(value);
            File.WriteAllText(path, json.ToJsonString());
        }
        Assert.Contains(key, Assert.Throws<SlickException>(() => TokenizerJson.Read(path)).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("a", """\ud83d""", "model.unk_token")]
    [InlineData("""\ud83d""", "a", "model.vocab")]
    public void TextThatIsNone_IsNamedByItsKey(string token, string unknown, string key)
    {
        var path = Path.Combine(folder, "tokenizer.json");
        File.WriteAllText(path, $$$"""{"model": {"type": "BPE", "vocab": {"{{{token}}}": 0}, "merges": [],"""
            + $$$""" "unk_token": "{{{unknown}}}"}}""");
        Assert.Contains(key, Assert.Throws<SlickException>(() => TokenizerJson.Read(path)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void BosThatIsMissing_IsNamed() =>
        Assert.Contains("bos_token", Assert.Throws<SlickException>(() => Make(["a"], [], config: """{"add_bos_token": true}""")).Message,
            StringComparison.Ordinal);

    [Fact]
    public void BosThatIsNotInTheVocabulary_IsNamed() =>
        Assert.Contains("bos_token", Assert.Throws<SlickException>(() => Make(["a"], [], config: """{"bos_token": "<s>"}""")).Message,
            StringComparison.Ordinal);

    // From here on: what the tokenizers library 0.23 gives, asked side by side, where .NET would read it otherwise.

    [Theory]
    [InlineData("""{"normalizer": {"type": "Replace", "pattern": {"Regex": "x*"}, "content": "y"}}""", "normalizer.pattern")]
    [InlineData("""{"added_tokens": [{"id": 2147483647, "content": "<s>"}]}""", "added_tokens[0].id")]
    [InlineData("""{"post_processor": {"type": "Sequence", "processors": [{"type": "BertProcessing", "sep": ["a", 0], "cls": ["b", 1]},"""
        + """ {"type": "BertProcessing", "sep": ["a", 0], "cls": ["b", 1]}]}}""", "post_processor.processors")]
    public void OtherPartsThatWouldMeanSomethingElse_AreRefused(string parts, string key) =>
        Assert.Contains(key, Assert.Throws<SlickException>(() => Make(["a", "b"], [], parts)).Message, StringComparison.Ordinal);

    [Fact]
    public void HalfASurrogatePair_IsNamed()
    {
        var path = Path.Combine(folder, "tokenizer.json");
        Make(["a"], []);
        File.WriteAllText(path, File.ReadAllText(path).TrimEnd('}') + """}, "normalizer": {"type": "Prepend", "prepend": "\uD800"}}""");
        Assert.Contains("normalizer.prepend", Assert.Throws<SlickException>(() => TokenizerJson.Read(path)).Message,
            StringComparison.Ordinal);
    }

    [Fact]
    public void AddedTokenOfTheNormalisedText_IsDecodedAsItLooksThere()
    {
        const string json = """{"normalizer": {"type": "Lowercase"}, "added_tokens": [{"id": 3, "content": "Foo", "normalized": true},"""
            + """ {"id": 4, "content": "Bar", "normalized": false}]}""";
        var tokenizer = Make(Letters("fob"), [], json);
        Assert.Equal([3, 4], tokenizer.Encode("FOOBar"));
        Assert.Equal("foo Bar", tokenizer.Decode([3, 4]));
    }

    [Fact]
    public void SingleWord_SeesJoinersAndCircledLetters()
    {
        const string json = """{"added_tokens": [{"id": 0, "content": "a", "single_word": true, "normalized": false}],"""
            + """ "pre_tokenizer": null}""";
        // As a word it is cut out before the merge that would take it.
        var v = Letters("ab-\u200D", "a-", "a\u200D");
        Gives(Make(v, ["a -", "a \u200D"], json), v, "a-", "a -");
        Gives(Make(v, ["a -", "a \u200D"], json), v, "a\u200D", "a\u200D");
    }

    [Fact]
    public void TokenWithinStrippedWhiteSpace_CountsAgain()
    {
        const string json = """{"added_tokens": [{"id": 2, "content": "<x>", "rstrip": true, "normalized": false}, {"id": 3,"""
            + """ "content": "  ", "normalized": false}]}""";
        Assert.Equal([2, 3, 0], Make(Letters("a "), [], json).Encode("<x>  a"));
    }

    [Fact]
    public void Whitespace_IsCutByRustsWords()
    {
        var v = Letters("a1\u2163\u200D!", "a\u200D", "1\u2163", "!a");
        Gives(Make(v, ["a \u200D", "1 \u2163", "! a"], """{"pre_tokenizer": {"type": "Whitespace"}}"""), v, "a\u200D 1\u2163!a",
            "a\u200D 1\u2163 ! a");
    }

    [Fact]
    public void Metaspace_First_LooksAtTheTextsOwnBeginning()
    {
        var v = Letters("ab_", "_a");
        const string json = """{"pre_tokenizer": {"type": "Sequence", "pretokenizers": [{"type": "WhitespaceSplit"},"""
            + """ {"type": "Metaspace", "replacement": "_", "prepend_scheme": "first", "split": false}]}}""";
        Gives(Make(v, ["_ a"], json), v, "a b", "_a b");
        Gives(Make(v, ["_ a"], json), v, " a b", "a b");
    }

    [Fact]
    public void AccentsOfEveryKind_AreStripped() =>
        Assert.Equal([0, 1], Make(Letters("\u0915a"), [],
            """{"normalizer": {"type": "StripAccents"}}""").Encode("\u0915\u093E\u0941a\u0301\u20DD"));

    [Fact]
    public void Prompt_EndsWithoutWhatATemplatePutsBehindAText()
    {
        const string json = """{"added_tokens": [{"id": 1, "content": "<s>", "special": true}, {"id": 2, "content": "</s>","""
            + """ "special": true}]}""";
        var tokenizer = Make(["a"], [], json, config: """{"bos_token": "<s>", "eos_token": "</s>", "add_bos_token": true,"""
            + """ "add_eos_token": true}""");
        Assert.Equal([1, 0, 2], tokenizer.Encode("a"));
        Assert.Equal([1, 0], tokenizer.EncodePrompt("a"));
    }

    [Fact]
    public void ManyMarks_AreOrderedInTime()
    {
        var marks = string.Concat(Enumerable.Repeat("\u0301\u0323", 50_000));
        Assert.Equal("\u1EA1" + new string('\u0323', 49_999) + new string('\u0301', 50_000),
            UnicodeForms.Normalize("a" + marks, compatible: false, compose: true));
    }

    [Fact]
    public void ComposedForm_IsThatOfAnotherProgram()
    {
        // utf8proc inside DuckDB; characters that Unicode 14 has.
        using var connection = new DuckDBConnection("Data Source=:memory:");
        connection.Open();
        var random = new Random(11);
        string Character() => char.ConvertFromUtf32(random.Next(6) switch
        {
            0 => random.Next(0xC0, 0x250),
            1 => random.Next(0x300, 0x370),
            2 => random.Next(0x1E00, 0x2000),
            3 => random.Next(0x1100, 0x1200),
            4 => random.Next(0xAC00, 0xD7A4),
            _ => random.Next(0xF900, 0xFB00),
        });
        for (var i = 0; i < 500; i++)
        {
            var text = string.Concat(Enumerable.Range(0, 12).Select(_ => Character()));
            using var command = connection.CreateCommand();
            command.CommandText = "select nfc_normalize($1)";
            command.Parameters.Add(new DuckDBParameter(text));
            Assert.Equal((string)command.ExecuteScalar()!, UnicodeForms.Normalize(text, compatible: false, compose: true));
        }
        Assert.Equal("fi 1\u20442 \u1100\u1161", UnicodeForms.Normalize("\uFB01 \u00BD \uAC00", compatible: true, compose: false));
        Assert.Equal("A\u030A", UnicodeForms.Normalize("\u212B", compatible: false, compose: false));
        // Marks by class (230, 220, 230, 220), those of one class in their order; many of them in no more time than it takes to sort them.
        Assert.Equal("a\u0323\u0330\u0301\u0307b\u0323",
            UnicodeForms.Normalize("a\u0301\u0323\u0307\u0330b\u0323", compatible: false, compose: false));
        var marks = string.Concat(Enumerable.Repeat("\u0301\u0323", 200_000));
        Assert.Equal(new string('\u0323', 200_000) + new string('\u0301', 200_000),
            UnicodeForms.Normalize(marks, compatible: false, compose: false));
    }
}

using Slick.Checks;
using Slick.Experiments;
using Slick.Facts;
using Slick.Text;

namespace Slick.Tests.Checks;

/// <summary>Encodings against those that Hugging Face tokenizers made.</summary>
public sealed class GoldenTokenizerTests
{
    [Theory]
    [InlineData("tokenizers/gpt2")]
    [InlineData("tokenizers/pythia")]
    [InlineData("tokenizers/llama2")]
    [InlineData("tokenizers/llama3")]
    [InlineData("tokenizers/mistral")]
    [InlineData("tokenizers/qwen2")]
    [InlineData("gemma3-270m-entityquestions")]
    public void EveryGoldenLine_IsMet(string folder) =>
        Assert.All(TokenizerCheck.Run(Shared.Require("reference/" + folder)), c => Assert.True(c.Ok, $"{c.What}: {c.Detail}"));

    [Theory]
    [InlineData("tokenizer-config-prefix-space")]
    [InlineData("tokenizer-deepseek-coder-pattern")]
    [InlineData("tokenizer-dropped-characters")]
    [InlineData("tokenizer-late-refusal")]
    public void EveryGoldenLineOfACase_IsMet(string folder) =>
        Assert.All(TokenizerCheck.Run(Shared.Require("cases/" + folder)), c => Assert.True(c.Ok, $"{c.What}: {c.Detail}"));

    [Fact]
    public void Difference_IsNamedByItsLine()
    {
        var folder = Scratch.Folder();
        File.WriteAllText(Path.Combine(folder, "tokenizer.json"), """{"model": {"type": "BPE", "vocab": {"a": 0, "b": 1}, "merges": []},"""
            + """ "decoder": {"type": "Fuse"}}""");
        File.WriteAllText(Path.Combine(folder, "golden.jsonl"), """{"text": "a", "ids": [0], "ids_plain": [0], "decoded": "a"}""" + "\n\n"
            + """{"text": "b", "ids": [0], "ids_plain": [1], "decoded": "b"}""" + "\n");
        var checks = TokenizerCheck.Run(folder);
        Directory.Delete(folder, recursive: true);
        Assert.Equal([false, true, true], checks.Select(c => c.Ok));
        Assert.Contains("first, in line 3: \"b\" gives \"1\" instead of \"0\"", checks[0].Detail, StringComparison.Ordinal);
    }
}

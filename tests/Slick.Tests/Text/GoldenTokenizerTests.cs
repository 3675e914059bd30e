using Slick.Text;

namespace Slick.Tests.Text;

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
}

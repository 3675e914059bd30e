using Slick.Answers;
using Slick.Experiments;
using Slick.Facts;
using Slick.Models;
using Slick.Runtime;
using Slick.Text;
using Slick.Training;

namespace Slick.Tests.Training;

/// <summary>What fine-tuning teaches at an answer's end is what exact match and Exact ask for, with tokenizers of each kind.</summary>
public sealed class AnswerEndTests
{
    public AnswerEndTests() => NativeLibraries.Load();

    private static readonly string[] Answers = ["Rome.", "Oslo", "Athens.", "Bern", "Nice", "Ulm.", "Riga", "Lima.", "Baku", "Doha",
        "Male.", "Suva"];

    private static Fact[] Facts => [.. Answers.Select((answer, i) =>
        TinyTraining.Fact(i, $"p{(char)('a' + i)}{(char)('a' + 7 * i % 26)}", answer))];

    private static ITokenizer Tokenizer(string kind) => kind switch
    {
        "words" => TinyTraining.Words(Facts),
        "byte level" => TinyTraining.ByteLevel(),
        _ => TinyTraining.SentencePiece(),
    };

    private static TaughtExample Encode(DecoderConfig config, ITokenizer tokenizer, Fact fact) =>
        TaughtExample.Of(config, tokenizer, Example.Of(fact, PromptFormat.QuestionAnswer));

    private static string[] Taught(ITokenizer tokenizer, string answer)
    {
        using var weights = TinyTraining.Weights(tokenizer);
        return [.. Encode(weights.Config, tokenizer, TinyTraining.Fact(0, "pa", answer)).Taught.Select(id => tokenizer.Decode([id]))];
    }

    [Fact]
    public void LineFeed_IsTaughtAsTheTextHasIt()
    {
        Assert.Equal(["Rome.", "\n"], Taught(TinyTraining.Words(Facts), "Rome."));
        Assert.Equal([" ", "U", "l", "m", "\n"], Taught(TinyTraining.ByteLevel(), "Ulm"));
        Assert.Equal([" ", "U", "l", "m", ".\n"], Taught(TinyTraining.ByteLevel(), "Ulm.")); // joined
        // A space alone is stripped where a text begins.
        Assert.Equal(["", "U", "l", "m", "\n"], Taught(TinyTraining.SentencePiece(), "Ulm"));
        // The mistake that this is about: the line feed alone begins with the meta symbol, which is no end.
        var sentencePiece = TinyTraining.SentencePiece();
        Assert.False(sentencePiece.StartsWithLineFeed(sentencePiece.Encode("\n", addSpecialTokens: false)[0]));
    }

    [Fact]
    public void WithoutALineFeed_TheTokenThatEndsATextIsTaught()
    {
        var tokenizer = TinyTraining.Stripping();
        using var weights = TinyTraining.Weights(tokenizer);
        Assert.Equal(2, Encode(weights.Config, tokenizer, TinyTraining.Fact(0, "pa", "Ulm")).Taught[^1]);
        var error = Assert.Throws<SlickException>(() => Encode(weights.Config with { EosIds = [] },
            TinyTraining.Stripping(null), TinyTraining.Fact(0, "pa", "Ulm")));
        Assert.Contains("eos_token", error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("words")]
    [InlineData("byte level")]
    [InlineData("SentencePiece")]
    public void TaughtTokens_AreAWayThatExactScores(string kind)
    {
        var tokenizer = Tokenizer(kind);
        using var weights = TinyTraining.Weights(tokenizer);
        foreach (var fact in Facts)
        {
            var question = new PromptTokens(weights.Config, tokenizer, PromptFormat.QuestionAnswer, [], [fact]).Questions[0];
            var taught = Encode(weights.Config, tokenizer, fact).Taught;
            // Without the end, which may be any of the tokens that end an answer.
            Assert.Contains(AnswerBatch.Paths(question, int.MaxValue), path => path.Gold.SequenceEqual(path.HasEnd ? taught[..^1] : taught)
                && (!path.HasEnd || AnswerTokens.Ends(weights.Config, tokenizer, taught[^1])));
        }
    }

    [Theory]
    [InlineData("words")]
    [InlineData("byte level")]
    [InlineData("SentencePiece")]
    public void Training_ReachesExactMatchOnAll(string kind)
    {
        var tokenizer = Tokenizer(kind);
        using var start = TinyTraining.Weights(tokenizer, width: 64);
        var results = TinyTraining.Run(start, tokenizer, new() { Epochs = 120, BatchExamples = 6, LearningRate = 3e-3, DropoutRate = 0 },
            Facts);
        Assert.Equal(0, results[0].Correct.Count(c => c));
        Assert.Equal(Answers.Length, results[^1].Correct.Count(c => c));
    }
}

using System.Runtime.Intrinsics.X86;
using System.Security.Cryptography;
using System.Text;
using Slick.Experiments;
using Slick.Facts;
using Slick.Knowledge;
using Slick.Storage;

namespace Slick.Tests.Experiments;

/// <summary>
/// What <c>smoke</c> with seed 1 gives. A digest that changes is a result that changes: then the kind's version is raised, and the new
/// digest, which the failing test prints, is put here.
/// </summary>
public sealed class DigestTests
{
    // Whole numbers and text alone: the same on every machine.
    [Fact]
    public void WorldExposuresExemplarsAndSets_AreWhatTheyWere()
    {
        var study = SmokeStudy.Result.Bases[0];
        var (facts, options) = (study.Facts, StudyOptions.Smoke);
        // A category by the fact's number, so that nothing of a model is in it.
        List<LabelRow> labels = [.. facts.Where(f => f.Split == Split.Train).Select(f => new LabelRow
        {
            FactId = f.Id, Relation = f.Relation, Split = f.Split, Question = f.Question, Answer = f.Answer, GreedyCorrect = 0,
            SampledCorrect = 0, Category = (Category)(f.Id % 4), CategoryProbability = 1,
        })];
        var sets = options.Arms().Select(a => $"{a.Arm.Id}: " + string.Join(' ',
            FineTuningSets.Make(a.Arm, facts, labels, options.Size, 7).Select(f => f.Id)));
        var exemplars = study.Dataset.Relations.SelectMany(r =>
            Annotator.Exemplars(study.Dataset.Of(r.Id, Split.Dev), options.Sampling, r.Id, 1)
            .Select(p => $"{r.Id}: " + string.Join(' ', p.Select(f => f.Id))));
        Assert.Equal("8137fc0010c130bf", Digest(Rows(facts), Rows(study.Exposures), string.Join('\n', sets), string.Join('\n', exemplars)));
    }

    // A model's numbers are rounded as the processor's fastest code does it.
    [Fact]
    public void LabelsScoresAndAnswers_AreWhatTheyWereOnThisKindOfProcessor()
    {
        var study = SmokeStudy.Result;
        var digest = Digest(string.Join('\n', study.Labels.Select(l => $"{l.FactId} {l.Category}")), Rows(study.Scores),
            Rows(study.Answers));
        if (!Known.TryGetValue(Processor, out var expected)) Assert.Skip($"no digest is known for {Processor}; here it is {digest}");
        Assert.Equal(expected, digest);
    }

    private static Dictionary<string, string> Known { get; } = new()
    {
        ["AuthenticAMD AVX2"] = "c57282a110a7caf3",
        ["AuthenticAMD AVX-512"] = "ebabde0689884f65",
    };

    private static string Processor
    {
        get
        {
            if (!X86Base.IsSupported) return $"{System.Runtime.InteropServices.RuntimeInformation.ProcessArchitecture}";
            var (_, b, c, d) = X86Base.CpuId(0, 0);
            var vendor = Encoding.ASCII.GetString([.. new[] { b, d, c }.SelectMany(BitConverter.GetBytes)]);
            return $"{vendor} {(Avx512F.IsSupported ? "AVX-512" : Avx2.IsSupported ? "AVX2" : "SSE")}";
        }
    }

    private static string Rows<T>(IReadOnlyList<T> rows) where T : class
    {
        var file = Path.GetTempFileName();
        try
        {
            Tables.WriteCsv(file, rows);
            return File.ReadAllText(file);
        }
        finally
        {
            File.Delete(file);
        }
    }

    private static string Digest(params string[] parts) =>
        Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(string.Join("\n\n", parts))))[..16];
}

using System.ComponentModel.DataAnnotations;
using System.Globalization;
using System.Text.Json;
using MathNet.Numerics.Statistics;
using Slick.Analysis;
using Slick.Answers;
using Slick.Experiments;
using Slick.Facts;
using Slick.Knowledge;
using Slick.Models;
using Slick.Runtime;
using Slick.Text;
using TorchSharp;
using static TorchSharp.torch;

namespace Slick.Checks;

/// <summary>
/// Compares SliCK's results with an annotation that another program made with the same model. The annotation is a JSON file. It has the
/// protocol and, for each relation, the exemplars of the prompts and the questions. For each question and prompt it has the greedy answer,
/// the exact probability that a sample is right, and the number of right samples.
/// </summary>
public static class AnnotationCheck
{
    /// <summary>Seed of the samples that we draw.</summary>
    private const int Seed = 1;

    // A label that the protocol gives with a probability below this is not explained by the chance of sampling.
    private const double Unlikely = 0.001;

    private const int FewestResiduals = 10;

    /// <summary>The compared numbers, and lines about what differs.</summary>
    /// <param name="Comparisons">The compared numbers with their limits.</param>
    /// <param name="Remarks">Greedy answers and categories that differ, one line each.</param>
    /// <param name="Questions">Number of questions asked.</param>
    public sealed record Report(IReadOnlyList<Comparison> Comparisons, IReadOnlyList<string> Remarks, int Questions);

    /// <summary>A question with the other program's results. The lists have one entry for each prompt.</summary>
    /// <param name="Fact">Question and gold answer.</param>
    /// <param name="Greedy">The greedy answers.</param>
    /// <param name="P">The exact probabilities that one sample is right.</param>
    /// <param name="Correct">How many samples were right.</param>
    /// <param name="Category">SliCK's category.</param>
    internal sealed record Reference(Fact Fact, string[] Greedy, double[] P, int[] Correct, Category Category);

    private sealed record Ours(PromptEstimate[] Exact, PromptEstimate[] Sampled);

    /// <summary>Annotates the file's questions by both estimators and compares the results with the file's.</summary>
    /// <param name="path">The annotation: a JSON file.</param>
    /// <param name="folder">The model's folder.</param>
    /// <param name="compute">Device and number format. A greedy answer may differ where the two tokens' logits are nearly equal: within
    /// 0.001 in fp32, within 0.5 in other formats.</param>
    /// <param name="relations">Relations to check; null for all of the file's.</param>
    /// <param name="progress">Told each relation.</param>
    /// <param name="cancellation">Stops between batches.</param>
    /// <exception cref="SlickException">A file is missing or damaged, or a relation is not in it.</exception>
    /// <exception cref="OperationCanceledException">The token was signalled.</exception>
    public static Report Run(string path, string folder, Compute compute, IReadOnlyCollection<string>? relations, IProgressReport progress,
        CancellationToken cancellation)
    {
        var (options, chosen) = Read(path, relations);
        var (loaded, tokenizer) = Checkpoint.Open(folder, compute);
        using var weights = loaded;
        using var decoder = new Decoder(weights);
        var tie = compute.DType == ScalarType.Float32 ? 1e-3 : 0.5;
        var all = new List<(Reference Theirs, Ours Ours)>();
        var remarks = new List<string>();
        int different = 0, wrong = 0;
        var done = 0;
        foreach (var (name, prompts, questions) in chosen)
        {
            progress.Report("annotation", done++, chosen.Count, name);
            Fact[] facts = [.. questions.Select(q => q.Fact)];
            var exact = new PromptEstimate[prompts.Length][];
            var sampled = new PromptEstimate[prompts.Length][];
            for (var j = 0; j < prompts.Length; j++)
            {
                var seed = Annotator.DrawSeed(Seed, name, j);
                exact[j] = new ExactEstimator(options, PromptFormat.QuestionAnswer)
                    .Estimate(decoder, tokenizer, prompts[j], facts, seed, cancellation);
                sampled[j] = new SampledEstimator(options, PromptFormat.QuestionAnswer)
                    .Estimate(decoder, tokenizer, prompts[j], facts, seed, cancellation);
                for (var i = 0; i < facts.Length; i++)
                {
                    var (ours, theirs) = (sampled[j][i].GreedyAnswer, questions[i].Greedy[j]);
                    if (ours == theirs) continue;
                    different++;
                    var (apart, text) = Tie(decoder, tokenizer, prompts[j], facts[i], ours, theirs);
                    var near = apart <= tie;
                    if (!near && (ours == facts[i].Answer) != (theirs == facts[i].Answer)) wrong++;
                    remarks.Add(string.Create(CultureInfo.InvariantCulture,
                        $"{name}, prompt {j + 1}, '{facts[i].Question}': greedy '{ours}' instead of '{theirs}'; "
                        + $"{text}{(near ? ": a near tie" : "")}"));
                }
            }
            all.AddRange(questions.Select((q, i) => (q, new Ours([.. exact.Select(e => e[i])], [.. sampled.Select(s => s[i])]))));
        }
        return Compare(all, options, remarks, different, wrong);
    }

    private static Report Compare(List<(Reference Theirs, Ours Ours)> all, SamplingOptions options, List<string> remarks, int different,
        int wrong)
    {
        var (largest, unlikely) = (0.0, 0);
        var residuals = new List<double>();
        foreach (var (theirs, ours) in all)
        {
            for (var j = 0; j < theirs.P.Length; j++)
            {
                var p = theirs.P[j];
                var apart = Math.Abs(ours.Exact[j].SampledCorrect - p);
                largest = double.IsNaN(apart) ? double.NaN : Math.Max(largest, apart);
                if (p is > 0.02 and < 0.98)
                    residuals.Add((ours.Sampled[j].SampledCorrect * options.Samples - options.Samples * p) / Math.Sqrt(
                        options.Samples * p * (1 - p)));
            }
            var greedy = ours.Exact.Count(e => e.GreedyCorrect);
            var none = ours.Exact.Aggregate(1.0, (product, e) =>
                product * Math.Pow(1 - Math.Clamp(e.SampledCorrect, 0, 1), options.Samples));
            var (known, drawn) = (ours.Sampled.Count(s => s.GreedyCorrect), ours.Sampled.Sum(s => s.SampledCorrect));
            var category = known == ours.Sampled.Length ? Category.HighlyKnown : known > 0 ? Category.MaybeKnown : drawn > 0
                ? Category.WeaklyKnown : Category.Unknown;
            double Chance(Category label) => label switch
            {
                Category.HighlyKnown => greedy == ours.Exact.Length ? 1 : 0,
                Category.MaybeKnown => greedy > 0 && greedy < ours.Exact.Length ? 1 : 0,
                Category.WeaklyKnown => greedy == 0 ? 1 - none : 0,
                _ => greedy == 0 ? none : 0,
            };
            var (chance, own) = (Chance(theirs.Category), Chance(category));
            if (Math.Min(chance, own) < Unlikely) unlikely++;
            if (category != theirs.Category)
                remarks.Add(string.Create(CultureInfo.InvariantCulture,
                    $"{theirs.Fact.Relation}, '{theirs.Fact.Question}': {category} (probability {own:G3}) instead of {theirs.Category} "
                    + $"(probability {chance:G3})"));
        }
        var answers = all.Sum(a => a.Theirs.P.Length);
        List<Comparison> comparisons =
        [
            new("greedy answers that differ, share", different / (double)answers, 0.005,
                FormattableString.Invariant($"{different} of {answers}")),
            new("greedy answers right here and wrong there, or the reverse, without a near tie", wrong, 0),
            new("probability of a right sample", largest, 1e-3, "largest difference"),
            new(FormattableString.Invariant($"questions with a label of probability below {Unlikely}"), unlikely,
                Math.Max(1, 0.02 * all.Count), FormattableString.Invariant($"of {all.Count}")),
        ];
        // Where the model knows almost nothing of the questions, there are too few cases to compare.
        if (residuals.Count < FewestResiduals)
            remarks.Add(FormattableString.Invariant($"{residuals.Count} cases with 0.02 < p < 0.98: too few to compare our samples with."));
        else
        {
            var (mean, deviation) = residuals.MeanStandardDeviation();
            // Where only a part of the file is checked, chance alone may exceed the limits of the whole file. Then three standard errors
            // are the limit.
            var error = 3 / Math.Sqrt(residuals.Count);
            comparisons.Add(new("standardised residuals of our samples against the file's p: mean", Math.Abs(mean), Math.Max(0.15, error),
                FormattableString.Invariant($"{mean:F3}, {residuals.Count} cases with 0.02 < p < 0.98")));
            comparisons.Add(new("the same: standard deviation, from 1", Math.Abs(deviation - 1), Math.Max(0.15, error / Math.Sqrt(2)),
                FormattableString.Invariant($"{deviation:F3}")));
        }
        return new(comparisons, remarks, all.Count);
    }

    /// <summary>One relation of the annotation.</summary>
    /// <param name="Name">The relation's name in the file.</param>
    /// <param name="Prompts">The exemplars of each prompt.</param>
    /// <param name="Questions">The questions with the other program's results.</param>
    internal sealed record RelationOf(string Name, Fact[][] Prompts, Reference[] Questions);

    /// <summary>Reads and checks the whole file. This happens before the model is loaded.</summary>
    /// <param name="path">The annotation: a JSON file.</param>
    /// <param name="relations">Relations to read; null for all of the file's.</param>
    /// <exception cref="SlickException">The file is missing or damaged, or a relation is not in it.</exception>
    internal static (SamplingOptions Options, IReadOnlyList<RelationOf> Relations) Read(string path, IReadOnlyCollection<string>? relations)
    {
        if (!File.Exists(path)) throw new SlickException(
            $"{path}: there is no such annotation to compare with; 'python3 tests/data/make_golden.py annotation' makes it from a "
            + "checkpoint and questions, and tests/data/README.md describes it.");
        using var json = JsonPlace.Open(path, "annotation");
        var top = new JsonPlace(path, "", json.RootElement);
        var options = Protocol(top["protocol"]);
        string[] names = [.. top["relations"].Properties().Select(p => p.Name)];
        if (relations?.FirstOrDefault(r => !names.Contains(r)) is { } missing)
            throw new SlickException($"{path}: the relation {missing} is not in it; it has {string.Join(", ", names)}.");
        var read = new List<RelationOf>();
        var count = 0;
        foreach (var (name, place) in top["relations"].Properties().Where(r => relations is null || relations.Contains(r.Name)))
        {
            var prompts = place["exemplars"].Items()
                .Select((p, j) => p.Items().Select((e, k) => Exemplar(e, name, -1 - 100 * j - k)).ToArray()).ToArray();
            if (prompts.Length == 0) throw place["exemplars"].Wrong("expected is a list of exemplars for each prompt");
            var questions = place["questions"].Items().Select((q, i) => Read(q, name, count + i, prompts.Length)).ToArray();
            count += questions.Length;
            read.Add(new(name, prompts, questions));
        }
        return count > 0 ? (options, read) : throw top["relations"].Wrong("there is no question in it");
    }

    private static SamplingOptions Protocol(JsonPlace place)
    {
        double Real(string name) => place[name].Value.ValueKind == JsonValueKind.Number ? place[name].Value.GetDouble()
            : throw place[name].Wrong("expected is a number");
        var options = new SamplingOptions
        {
            Prompts = place["prompts"].Number(),
            Shots = place["shots"].Number(),
            Samples = place["samples"].Number(),
            Temperature = Real("temperature"),
            TopK = place["top_k"].Number(),
            MaxAnswerTokens = place["max_new_tokens"].Number(),
        };
        var wrong = new List<ValidationResult>();
        return Validator.TryValidateObject(options, new(options), wrong, validateAllProperties: true) ? options
            : throw place.Wrong(wrong[0].ErrorMessage ?? "a value is out of range");
    }

    private static Fact Exemplar(JsonPlace place, string relation, int id) => place.Items().ToArray() is [var question, var answer]
        ? new() { Id = id, Relation = relation, Split = Split.Dev, Subject = "", Question = question.Text(), Answer = answer.Text() }
        : throw place.Wrong("expected are a question and an answer");

    private static Reference Read(JsonPlace place, string relation, int id, int prompts)
    {
        T[] Of<T>(string name, Func<JsonPlace, T> read)
        {
            T[] values = [.. place[name].Items().Select(read)];
            return values.Length == prompts ? values : throw place[name].Wrong($"expected are {prompts} values, one a prompt");
        }
        var fact = new Fact { Id = id, Relation = relation, Split = Split.Train, Subject = "", Question = place["question"].Text(),
            Answer = place["answer"].Text() };
        if (!Enum.TryParse<Category>(place["category"].Text(), out var category)) throw place["category"].Wrong("no category of SliCK");
        return new(fact, Of("greedy", p => p.Text()),
            Of("p", p => p.Value.ValueKind == JsonValueKind.Number ? p.Value.GetDouble() : throw p.Wrong("expected is a number")),
            Of("sampled_correct", p => p.Number()), category);
    }

    // The logits of the first token in which two answers differ, and the difference of these logits.
    private static (double Apart, string Text) Tie(Decoder decoder, ITokenizer tokenizer, Fact[] exemplars, Fact fact, string ours,
        string theirs)
    {
        using var inference = inference_mode();
        using var scope = NewDisposeScope();
        var prompt = string.Concat(exemplars.Select(e => PromptFormat.QuestionAnswer.Exemplar(e.Question, e.Answer)))
            + PromptFormat.QuestionAnswer.Prompt(fact.Question);
        int[] a = tokenizer.EncodePrompt($"{prompt} {ours}\n"), b = tokenizer.EncodePrompt($"{prompt} {theirs}\n");
        var same = a.Zip(b).TakeWhile(p => p.First == p.Second).Count();
        if (same == 0 || same >= Math.Min(a.Length, b.Length)) return (double.PositiveInfinity, "the same tokens");
        var (hidden, _) = decoder.Forward(tensor(a[..same], ScalarType.Int64).to(decoder.Device).view(1, same));
        var logits = HostTransfer.Read<float>(decoder.Logits(hidden.select(1, same - 1)).to(ScalarType.Float32));
        return (Math.Abs(logits[a[same]] - logits[b[same]]),
            FormattableString.Invariant($"logits {logits[a[same]]:F4} and {logits[b[same]]:F4}"));
    }
}

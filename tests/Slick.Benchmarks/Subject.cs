using Slick.Answers;
using Slick.Experiments;
using Slick.Facts;
using Slick.Knowledge;
using Slick.Models;
using Slick.Runtime;
using Slick.Text;

namespace Slick.Benchmarks;

/// <summary>A model and the questions that it can be asked and taught.</summary>
/// <param name="Compute">The device and the number format.</param>
/// <param name="Weights">The model.</param>
/// <param name="Tokenizer">Its tokenizer.</param>
/// <param name="Questions">The questions.</param>
/// <param name="IsLab">True for the lab's model, false for a checkpoint.</param>
internal sealed record Subject(Compute Compute, DecoderWeights Weights, ITokenizer Tokenizer, Dataset Questions, bool IsLab)
{
    /// <summary>Torch's threads where the work is one piece.</summary>
    public int Threads { get; init; } = 1;

    /// <summary>
    /// Pieces of work at a time, one torch thread each; 1 for one piece with all threads. Relations of the lab are asked side by side, as a
    /// study asks them.
    /// </summary>
    public int SideBySide => IsLab && !Compute.Platform.IsGpu ? Threads : 1;

    /// <summary>Relations of a checkpoint that a GPU answers side by side.</summary>
    public int GpuRelations { get; init; } = Annotation.RelationsOnAGpu;

    /// <summary>Relations that are asked at a time.</summary>
    public int RelationsAtOnce => IsLab || !Compute.Platform.IsGpu ? SideBySide : GpuRelations;

    /// <summary>The memory of the passes of one relation, of those that are asked at a time.</summary>
    public PassMemory Memory()
    {
        var bounds = PassBounds.On(Compute.Device);
        return new(Compute.Platform.IsGpu ? bounds with { Bytes = bounds.Bytes / RelationsAtOnce } : bounds);
    }

    /// <summary>The protocol.</summary>
    public SamplingOptions Protocol => IsLab ? StudyOptions.Quick.Sampling : new();

    /// <summary>One line about the model and the machine's part in it.</summary>
    public string Title => Text.Line($"Model: d {Weights.Config.HiddenSize}, {Weights.Config.Layers} layers, ",
        $"{Weights.Config.VocabularySize} tokens; {Compute.Platform.Device}, {Compute.Platform.NumberFormat}, ",
        $"{(SideBySide > 1 ? Text.Line($"{SideBySide} x 1 threads") : Text.Line($"{Threads} threads"))}");

    /// <summary>The first prompts of the first relations, with at most this many questions each.</summary>
    public IReadOnlyList<Work> Work(int relations, int questions, int prompts)
    {
        Work Of(string relation)
        {
            var asked = Questions.Of(relation, Split.Train).Concat(IsLab ? Questions.Of(relation, Split.Test) : []).Take(questions);
            var drawn = PromptBatch.DrawExemplars(Questions.Of(relation, Split.Dev), Protocol, Seeds.Mix(Lab.Seed, relation));
            return new([.. drawn.Take(prompts).Select((exemplars, j) =>
                new EstimatedPrompt(exemplars, Seeds.Mix(Seeds.Mix(Lab.Seed, relation), j)))], [.. asked]);
        }
        return [.. Questions.Relations.Where(r => r.InDistribution).Take(relations).Select(r => Of(r.Id))];
    }

    /// <summary>Examples of the train questions, as many of each relation as of the others.</summary>
    /// <exception cref="UsageException">There are fewer.</exception>
    public IReadOnlyList<Example> Examples(int count)
    {
        string[] relations = [.. Questions.Relations.Where(r => r.InDistribution).Select(r => r.Id)];
        var each = (count + relations.Length - 1) / relations.Length;
        Fact[] facts = [.. relations.SelectMany(r => Questions.Of(r, Split.Train).Take(each)).Take(count)];
        return facts.Length == count ? Example.Of(facts, IsLab ? PromptFormat.QuestionAnswer : PromptFormat.Instruction)
            : throw new UsageException($"The steps need {count} train questions, and there are {facts.Length}; lower --steps or "
                + "--examples-a-step.");
    }
}

/// <summary>The questions of one relation and its prompts.</summary>
internal sealed record Work(IReadOnlyList<EstimatedPrompt> Prompts, IReadOnlyList<Fact> Questions)
{
    /// <summary>Questions behind prompts.</summary>
    public int Pairs => Prompts.Count * Questions.Count;
}

using Slick.Answers;
using Slick.Facts;
using Slick.Models;
using Slick.Runtime;
using Slick.Text;
using TorchSharp;
using static TorchSharp.torch;

namespace Slick.Training;

/// <summary>The result of one epoch of a run that is asked all evaluation questions after every epoch.</summary>
/// <param name="Epoch">Number of the epoch; 0 is the model before any optimiser step.</param>
/// <param name="Updates">Optimiser steps until the end of the epoch.</param>
/// <param name="Loss">As <see cref="TrainingEpoch.Loss"/>.</param>
/// <param name="Correct">For each evaluated question, whether its greedy answer is the gold answer.</param>
public sealed record EpochResult(int Epoch, int Updates, double Loss, IReadOnlyList<bool> Correct);

/// <summary>
/// Fine-tuning on question/answer pairs, zero-shot (paper, section 4). The loss is on the tokens of the answer and its end alone
/// (<see cref="AnswerTokens.Taught"/>). An optimiser step follows the mean over its batch's tokens. Weights in bf16 are fine-tuned with a
/// copy in fp32 (<see cref="AdamW"/>). Taught in <c>notebooks/03-training-dynamics.ipynb</c>, which writes one epoch out.
/// </summary>
public static class FineTuning
{
    /// <summary>
    /// Fine-tunes a model and calls back at the end of every epoch. The callback can ask questions and keep parameters. The same run gives
    /// the same results, also when it was interrupted and resumed.
    /// </summary>
    /// <param name="run">The model, the examples and the options.</param>
    /// <param name="epochDone">Called before the first step (epoch 0) and after each epoch. A resumed run calls it for the earlier epochs
    /// again.</param>
    /// <param name="cancellation">Checked between steps and while questions are asked. With <see cref="FineTuningRun.Scratch"/> a
    /// checkpoint is written before the run ends.</param>
    /// <exception cref="SlickException">An example cannot be encoded (<see cref="AnswerTokens.Encode"/>). Or the tokenizer has no token
    /// that ends an answer. Or the memory does not suffice (<see cref="TrainingForecast"/>). Or the checkpoint in
    /// <see cref="FineTuningRun.Scratch"/> is that of another run.</exception>
    /// <exception cref="UsageException">An option is out of its range, two options contradict each other, or a set of examples is
    /// empty.</exception>
    /// <exception cref="DivergedException">The loss of an epoch is not a number, or above twice the loss of guessing among all
    /// tokens.</exception>
    /// <exception cref="OperationCanceledException">The token was signalled.</exception>
    public static void Run(FineTuningRun run, Action<TrainingEpoch> epochDone, CancellationToken cancellation)
    {
        Check(run);
        MemoryFailure.Guard(() =>
        {
            var encoded = new EncodedRun(run);
            var forecast = TrainingForecast.OfMemory(encoded);
            forecast.Demand(run.FreeBytes ?? FreeMemory.On(run.Start.Flat.device), "fineTuning");
            using var work = new FineTuningWork(encoded);
            work.Run(epochDone, cancellation);
        }, "Fine-tuning", "fineTuning");
    }

    /// <summary>
    /// Forecasts how much memory and time a run will take. The memory follows from shapes. The time follows from a short measurement: a few
    /// steps of the run on a copy of the model. The measurement needs the memory of a step.
    /// </summary>
    /// <param name="run">The run.</param>
    /// <param name="measure">False to leave the time out.</param>
    /// <exception cref="SlickException">As <see cref="Run(FineTuningRun, Action{TrainingEpoch}, CancellationToken)"/>.</exception>
    /// <exception cref="UsageException">As <see cref="Run(FineTuningRun, Action{TrainingEpoch}, CancellationToken)"/>.</exception>
    public static TrainingForecast Forecast(FineTuningRun run, bool measure = true)
    {
        Check(run);
        return MemoryFailure.Guard(() =>
        {
            var encoded = new EncodedRun(run);
            var forecast = TrainingForecast.OfMemory(encoded);
            if (!measure) return forecast;
            forecast.Demand(run.FreeBytes ?? FreeMemory.On(run.Start.Flat.device), "fineTuning");
            using var work = new FineTuningWork(encoded with { Run = run with { Scratch = null } });
            return work.Measure(forecast);
        }, "Fine-tuning", "fineTuning");
    }

    private static void Check(FineTuningRun run)
    {
        var options = OptionRanges.Check(run.Options, "fineTuning");
        if (run.Examples.Count == 0) throw new UsageException("The fine-tuning set is empty; name at least one example.");
        if (options.ReplayShare > 0 && run.Replay.Count + run.ReplayTexts.Count == 0)
            throw new UsageException(FormattableString.Invariant(
                $"fineTuning.replayShare = {options.ReplayShare} mixes other examples in, and there are none; set it to 0."));
        if (options.EndShare > 0 && run.EndExamples.Count == 0)
            throw new UsageException(FormattableString.Invariant(
                $"fineTuning.endShare = {options.EndShare} ends the run with other examples, and there are none; set it to 0."));
        if (options.Lora.Rank > 0 && options.Parameters != ParameterPart.All.Name)
            throw new UsageException($"fineTuning.lora.rank = {options.Lora.Rank} trains an adapter alone, and fineTuning.parameters = "
                + $"{options.Parameters} a part of the model; set one of the two.");
    }

    /// <summary>Optimiser steps of one pass over a set.</summary>
    /// <param name="examples">Examples of the set.</param>
    /// <param name="batchExamples">Examples of a batch, at most.</param>
    internal static int Updates(int examples, int batchExamples) => SetPasses.Updates(examples, batchExamples);

    /// <summary>Adds the gradient of one batch to the parameters' gradient: the gradient of the objective's mean over the batch's tokens.
    /// Also adds the losses of the fine-tuning set's own tokens to <paramref name="total"/>, fp32 [1]. Where the batch has several pieces
    /// and the parameters a shorter format than fp32, the pieces are added up in <paramref name="optimizer"/>, in fp32
    /// (<see cref="AdamW.AddUp"/>). Without an optimiser they are added up in the parameters' format.</summary>
    internal static void Gradient(Decoder decoder, UploadedPass pass, Batch batch, IObjective objective, Func<int, Dropout> dropped,
        bool recompute, Tensor total, AdamW? optimizer = null)
    {
        using Scalar count = batch.Scored;
        for (var i = 0; i < batch.Pieces.Count; i++)
        {
            using var scope = NewDisposeScope();
            var piece = pass.Take(batch.Pieces[i]);
            decoder.Backward(piece.Ids, dropped(i), piece.Ragged, recompute, hidden =>
            {
                var (sum, loss) = objective.Of(decoder.Logits(piece.Scored(hidden)).to(ScalarType.Float32), piece);
                using (no_grad()) total.add_(loss.detach(), Scalars.One);
                return sum.div(count);
            });
            if (batch.Pieces.Count > 1 && decoder.Weights.Flat.dtype != ScalarType.Float32) optimizer?.AddUp();
        }
    }
}

/// <summary>A run of fine-tuning with its examples as tokens.</summary>
internal sealed record EncodedRun
{
    public FineTuningRun Run { get; init; }
    public TaughtExample[] Examples { get; }
    public TaughtExample[] Replay { get; }
    public TaughtExample[] End { get; }

    public EncodedRun(FineTuningRun run)
    {
        Run = run;
        TaughtExample[] Encode(IReadOnlyList<Example> examples) =>
            [.. examples.Select(e => TaughtExample.Of(run.Start.Config, run.Tokenizer, e))];
        (Examples, Replay) = (Encode(run.Examples), run.Options.ReplayShare > 0
            ? [.. Encode(run.Replay), .. run.ReplayTexts.Select(t => new TaughtExample([t[0]], [.. t.Skip(1)]))] : []);
        End = run.Options.EndShare > 0 ? Encode(run.EndExamples) : [];
    }

    /// <summary>The batches of the run.</summary>
    public IBatchSource Source()
    {
        IBatchSource own = new SetPasses(Examples, Run.Options.BatchExamples, Run.Seed);
        if (End.Length > 0) own = new WithEnd(own, new SetPasses(End, Run.Options.BatchExamples, Seeds.Mix(Run.Seed, "end")),
            (Run.Options.Epochs - (int)Math.Round(Run.Options.EndShare * Run.Options.Epochs)) * EpochUpdates);
        return Run.Options.ReplayShare > 0 ? new WithReplay(own, Examples.Length, Replay, Run.Options.ReplayShare, Run.Seed) : own;
    }

    /// <summary>Optimiser steps of an epoch.</summary>
    public int EpochUpdates => Run.EpochUpdates > 0 ? Run.EpochUpdates : FineTuning.Updates(Examples.Length, Run.Options.BatchExamples);

    /// <summary>The hash of the run. Of the base model the parameters' names, shapes and number format are part of it.</summary>
    public long[] Hash()
    {
        using var hash = new RunHash();
        hash.Options(Run.Options).Numbers(Run.Seed, EpochUpdates).Text(Run.Start.Flat.dtype.ToString());
        foreach (var (name, _, shape) in Run.Start.Layout) hash.Text(name).Numbers([.. shape.Select(n => (int)n)]);
        hash.Numbers(Examples.Length, Replay.Length, End.Length);
        foreach (var example in Examples.Concat(Replay).Concat(End)) hash.Numbers(example.Prompt).Numbers(example.Taught);
        foreach (var (name, set) in Run.Questions.OrderBy(q => q.Key, StringComparer.Ordinal))
        {
            hash.Text(name).Numbers(set.Count);
            foreach (var question in set) hash.Text(question.Prompt).Text(question.Target);
        }
        return hash.Value();
    }
}

/// <summary>A run of fine-tuning with its parts: parameters, optimiser, batches, objective, questions.</summary>
internal sealed class FineTuningWork : IDisposable
{
    private readonly EncodedRun encoded;
    private readonly FineTuningRun run;
    private readonly FineTuningOptions options;
    private readonly IBatchSource source;
    private readonly List<IDisposable> owned = [];
    private readonly Decoder decoder;
    private readonly AdamW optimizer;
    private readonly IObjective objective = new AnswerLoss();
    private readonly Dictionary<string, Evaluation> questions = new(StringComparer.Ordinal);
    private readonly RunRecord record;
    private readonly Tensor total; // sum of the epoch's losses, fp32 [1]
    private long tokens;           // number of tokens in that sum
    private (int Number, UploadedPass? Uploaded) pass = (-1, null);

    public FineTuningWork(EncodedRun encoded)
    {
        (this.encoded, run, options, source) = (encoded, encoded.Run, encoded.Run.Options, encoded.Source());
        try
        {
            T Own<T>(T part) where T : IDisposable
            {
                owned.Add(part);
                return part;
            }
            var adapter = options.Lora.Rank > 0 ? Own(new LoraAdapter(run.Start, options.Lora.ToConfig(), run.Seed)) : null;
            var weights = adapter is null ? Own(run.Start.CopyTrainable(new(options.Parameters))) : run.Start;
            decoder = Own(new Decoder(weights, adapter));
            var parameters = adapter?.Parameters ?? weights.Parameters!;
            optimizer = Own(new AdamW(parameters)
            {
                WeightDecay = options.WeightDecay,
                Epsilon = options.Epsilon,
                ClipNorm = options.ClipNorm > 0 ? options.ClipNorm : double.PositiveInfinity,
            });
            if (options.DivergenceWeight > 0)
                objective = new WithDivergence(objective, Own(new Decoder(run.Start)), options.DivergenceWeight);
            foreach (var (name, asked) in run.Questions) questions[name] = Own(new Evaluation(decoder, run.Tokenizer, asked, run.Asking));
            record = Own(new RunRecord(parameters, optimizer, decoder, adapter, run.Scratch, questions));
            using (NewDisposeScope()) total = zeros(1, device: decoder.Device).DetachFromDisposeScope();
            owned.Add(total);
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    public void Run(Action<TrainingEpoch> epochDone, CancellationToken cancellation) =>
        new TrainingLoop(optimizer, options.Epochs, encoded.EpochUpdates, new(options.Schedule, options.LearningRate, options.WarmupShare))
        {
            Hash = encoded.Hash(),
            Gradient = Gradient,
            EpochDone = epoch => EpochDone(epoch, epochDone, cancellation),
            File = run.Scratch is null ? null : Path.Combine(run.Scratch, CheckpointFile),
            OwnsFile = run.OwnsScratch,
            State = () => [("loss", total), ("tokens", tensor(tokens)), .. record.State()],
            Restore = saved =>
            {
                using (no_grad()) total.copy_(saved.Read("loss"));
                tokens = saved.Read("tokens").item<long>();
                record.Restore(saved);
            },
            Saved = record.RemoveForgotten,
        }.Run(cancellation);

    /// <summary>File name of the checkpoint. A checkpoint that an older version wrote under another name is not read.</summary>
    internal const string CheckpointFile = "fine-tuning.safetensors";

    private void Gradient(int step)
    {
        if (step % encoded.EpochUpdates == 0)
        {
            using (NewDisposeScope())
            using (no_grad()) total.zero_();
            tokens = 0;
        }
        if (step / source.PassUpdates != pass.Number)
        {
            var number = step / source.PassUpdates;
            pass.Uploaded?.Dispose();
            pass = (-1, null);
            pass = (number, new(source.Pass(number), options.PieceExamples, options.Ragged, decoder.Device));
        }
        var batch = pass.Uploaded!.Batches[step % source.PassUpdates];
        // Dropout is numbered by the step of the run, so a resumed run drops the same units.
        FineTuning.Gradient(decoder, pass.Uploaded, batch, objective, piece => new Dropout(options.DropoutRate,
            piece == 0 ? run.Seed : Seeds.Mix(run.Seed, FormattableString.Invariant($"piece {piece}")), step), options.Recompute, total,
            optimizer);
        tokens += batch.Own;
    }

    private bool EpochDone(int number, Action<TrainingEpoch> epochDone, CancellationToken cancellation)
    {
        var loss = record.Begin(number, () => number == 0 ? double.NaN : (double)HostTransfer.Read<float>(total)[0] / tokens);
        if (number > 0) DivergedException.ThrowIf(loss, decoder.Config.VocabularySize, $"Fine-tuning diverged in epoch {number}",
            "fineTuning.learningRate", options.LearningRate);
        var epoch = new TrainingEpoch(record, number, number * encoded.EpochUpdates, loss, cancellation);
        epochDone(epoch);
        record.End();
        return !epoch.Stopped;
    }

    /// <summary>Adds the measured time of a step and of a question to a forecast of memory.</summary>
    public TrainingForecast Measure(TrainingForecast forecast)
    {
        var step = Timed(() =>
        {
            Gradient(0);
            optimizer.Step(options.LearningRate);
        });
        var (asked, seconds) = (0, 0.0);
        foreach (var (name, set) in questions.OrderBy(q => q.Value.Count))
        {
            if (set.Count == 0 || seconds > 1) continue;
            asked += set.Count;
            seconds += Timed(() => set.Ask(CancellationToken.None));
        }
        var first = pass.Uploaded!.Batches[0].Pieces.Sum(p => (double)p.Ids);
        var all = pass.Uploaded.Batches.Average(b => b.Pieces.Sum(p => (double)p.Ids));
        return forecast with
        {
            Steps = options.Epochs * encoded.EpochUpdates,
            SecondsPerStep = step * all / first,
            SecondsPerQuestion = asked == 0 ? 0 : seconds / asked,
        };
    }

    // The shortest time of a repetition, in seconds. The first call warms up and is not timed. Calls are repeated for half a second.
    private double Timed(Action work)
    {
        work();
        Compute.Finish(decoder.Device);
        var (clock, best) = (System.Diagnostics.Stopwatch.StartNew(), double.PositiveInfinity);
        do
        {
            var begun = clock.Elapsed.TotalSeconds;
            work();
            Compute.Finish(decoder.Device);
            best = Math.Min(best, clock.Elapsed.TotalSeconds - begun);
        }
        while (clock.Elapsed.TotalSeconds < 0.5);
        return best;
    }

    public void Dispose()
    {
        pass.Uploaded?.Dispose();
        for (var i = owned.Count - 1; i >= 0; i--) owned[i].Dispose();
    }
}

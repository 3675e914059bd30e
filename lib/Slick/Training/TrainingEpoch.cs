using Slick.Models;
using Slick.Runtime;
using Slick.Storage;
using TorchSharp;
using static TorchSharp.torch;

namespace Slick.Training;

/// <summary>
/// The end of an epoch of fine-tuning, where questions can be asked and parameters kept. Epoch 0 is the model before any optimiser step.
/// The answers are part of the run's checkpoint. After a resume the epochs before the checkpoint are reported again, and give the same
/// answers without asking the model. So what the callback calls may depend only on the answers of this epoch and of those before it.
/// </summary>
public sealed class TrainingEpoch
{
    private readonly RunRecord record;
    private readonly CancellationToken cancellation;

    internal TrainingEpoch(RunRecord record, int epoch, int updates, double loss, CancellationToken cancellation)
    {
        (this.record, this.cancellation) = (record, cancellation);
        (Epoch, Updates, Loss) = (epoch, updates, loss);
    }

    /// <summary>Number of the epoch; 0 is the model before any optimiser step.</summary>
    public int Epoch { get; }
    /// <summary>Optimiser steps until the end of this epoch.</summary>
    public int Updates { get; }
    /// <summary>Mean loss of the epoch's answer tokens, their ends included, in nats; NaN at epoch 0. Each batch's loss is that before the
    /// batch's own step. Examples that were mixed in do not count.</summary>
    public double Loss { get; }
    /// <summary>False where the epoch is reported again after a resume. The parameters are then those of a later epoch.</summary>
    public bool IsLive => record.IsLive;
    /// <summary>The model as it is at the end of this epoch, for the caller's own questions.</summary>
    /// <exception cref="InvalidOperationException"><see cref="IsLive"/> is false.</exception>
    public Decoder Decoder => record.Decoder;
    internal bool Stopped { get; private set; }

    /// <summary>Asks the model the questions of a set: for each, in the set's order, true where the greedy answer is the gold answer (exact
    /// match).</summary>
    /// <param name="questions">The set's name in <see cref="FineTuningRun.Questions"/>.</param>
    /// <exception cref="ArgumentException">The run has no set of that name.</exception>
    /// <exception cref="InvalidOperationException"><see cref="IsLive"/> is false, and the checkpoint has no answers of this epoch to the
    /// set: before the interruption the callback did not ask for them.</exception>
    /// <exception cref="OperationCanceledException">The run's token was signalled.</exception>
    public IReadOnlyList<bool> Ask(string questions) => record.Ask(Epoch, "", questions, cancellation);

    /// <summary>Keeps a copy of the trained parameters under a name. A copy that was kept under this name before is forgotten. The forecast
    /// of memory counts the copies that <see cref="FineTuningRun.KeptNames"/> announces.</summary>
    /// <param name="name">Letters, digits and hyphens, such as <c>early-stop</c>.</param>
    /// <exception cref="ArgumentException">The name is empty or has other characters.</exception>
    public void Keep(string name) => record.Keep(Epoch, name);

    /// <summary>Asks the model with kept parameters the questions of a set: for each, in the set's order, true where the greedy answer is
    /// the gold answer (exact match). The trained parameters come back afterwards.</summary>
    /// <param name="kept">The name given to <see cref="Keep"/>.</param>
    /// <param name="questions">The set's name in <see cref="FineTuningRun.Questions"/>.</param>
    /// <exception cref="ArgumentException">Nothing was kept under that name, or the run has no set of that name.</exception>
    /// <exception cref="InvalidOperationException"><see cref="IsLive"/> is false, and the checkpoint has no such answers: before the
    /// interruption the callback did not ask for them.</exception>
    /// <exception cref="OperationCanceledException">The run's token was signalled.</exception>
    public IReadOnlyList<bool> AskKept(string kept, string questions) => record.Ask(Epoch, kept, questions, cancellation);

    /// <summary>Puts kept parameters into the model, calls <paramref name="work"/>, and then brings the trained parameters back.</summary>
    /// <param name="kept">The name given to <see cref="Keep"/>.</param>
    /// <param name="work">Gets the model with the kept parameters. It is not called where <see cref="IsLive"/> is false.</param>
    /// <exception cref="ArgumentException">Nothing was kept under that name.</exception>
    public void WithKept(string kept, Action<Decoder> work) => record.WithKept(kept, work);

    /// <summary>
    /// Writes the model as it is now: the whole model (<see cref="Checkpoint.Save"/>), or the adapter alone
    /// (<see cref="LoraAdapter.Save(string)"/>) where an adapter is trained. An adapter beside a base model in bf16 is written as the
    /// optimiser steps it, in fp32; within <see cref="WithKept"/> it is written in bf16, in which it was kept. Nothing is written where
    /// <see cref="IsLive"/> is false.
    /// </summary>
    /// <param name="folder">The folder to write to.</param>
    public void Save(string folder) => record.SaveModel(folder);

    /// <summary>Ends the run after this epoch.</summary>
    public void Stop() => Stopped = true;
}

/// <summary>What a run of fine-tuning keeps from epoch to epoch, in its checkpoint and in files beside it.</summary>
internal sealed class RunRecord(ParameterSet parameters, AdamW optimizer, Decoder decoder, LoraAdapter? adapter, string? scratch,
    IReadOnlyDictionary<string, Evaluation> questions) : IDisposable
{
    private readonly Dictionary<string, bool[]> answers = new(StringComparer.Ordinal);
    private readonly List<double> losses = [];
    private readonly Dictionary<string, int> kept = new(StringComparer.Ordinal);        // name -> epoch whose parameters are kept
    private readonly Dictionary<string, Tensor> held = new(StringComparer.Ordinal);     // name -> parameters, where there is no folder

    private const string Parameters = "parameters"; // name in a file of kept parameters
    private readonly HashSet<int> replayed = []; // epochs that ended before the checkpoint
    private bool within;                         // an epoch has begun and not ended
    private bool isSwapped;                      // kept parameters are in the model, and the optimiser has those of this epoch

    public bool IsLive { get; private set; } = true;
    public Decoder Decoder => IsLive ? decoder : throw new InvalidOperationException("The epoch is told again: ask where IsLive is true.");

    /// <summary>Begins the report of an epoch. Gives the epoch's loss: that of the checkpoint, else that of
    /// <paramref name="loss"/>.</summary>
    public double Begin(int epoch, Func<double> loss)
    {
        (within, IsLive) = (true, !replayed.Contains(epoch));
        if (epoch == losses.Count) losses.Add(loss());
        return losses[epoch];
    }

    /// <summary>Ends the report of an epoch.</summary>
    public void End() => within = false;

    public bool[] Ask(int epoch, string name, string set, CancellationToken cancellation)
    {
        var asked = questions.TryGetValue(set, out var found) ? found
            : throw new ArgumentException($"The run has no questions '{set}'.", nameof(set));
        if (name.Length > 0 && !kept.ContainsKey(name)) throw NotKept(name);
        // The key has the epoch whose parameters answer, so kept parameters find the answers of their epoch.
        var key = FormattableString.Invariant($"{(name.Length > 0 ? kept[name] : epoch)}:{set}");
        if (answers.TryGetValue(key, out var known)) return known;
        if (!IsLive)
            throw new InvalidOperationException(FormattableString.Invariant(
                $"Epoch {epoch} is reported again after a resume, and its checkpoint has no answers to '{set}'")
                + (name.Length > 0 ? $" of the parameters kept as '{name}'" : "")
                + ": ask in an epoch that is reported again only what was asked before the interruption.");
        if (name.Length == 0) return answers[key] = asked.Ask(cancellation);
        Swapped(name, () => answers[key] = asked.Ask(cancellation));
        return answers[key];
    }

    public void Keep(int epoch, string name)
    {
        if (name.Length == 0 || !name.All(c => char.IsAsciiLetterOrDigit(c) || c == '-'))
            throw new ArgumentException($"'{name}' is no name: use letters, digits and hyphens.", nameof(name));
        kept[name] = epoch;
        if (!IsLive) return;
        if (scratch is not null)
        {
            Safetensors.Write(PathOf(name), parameters.Named(Parameters));
            return;
        }
        if (held.Remove(name, out var old)) old.Dispose();
        held[name] = parameters.Copy().DetachFromDisposeScope();
    }

    public void WithKept(string name, Action<Decoder> work)
    {
        if (!kept.ContainsKey(name)) throw NotKept(name);
        if (IsLive) Swapped(name, () => work(decoder));
    }

    private void Swapped(string name, Action work)
    {
        using var scope = NewDisposeScope();
        var now = parameters.Copy();
        try
        {
            if (scratch is null) parameters.Set(held[name]);
            else parameters.Read(Safetensors.Open(PathOf(name)), Parameters);
            isSwapped = true;
            work();
        }
        finally
        {
            isSwapped = false;
            parameters.Set(now);
        }
    }

    private static ArgumentException NotKept(string name) => new($"Nothing was kept as '{name}'.", nameof(name));

    // Each epoch has a file of its own: parameters that are kept after the checkpoint do not replace a file that the checkpoint needs.
    private string PathOf(string name) =>
        Path.Combine(scratch!, FormattableString.Invariant($"kept-{name}-{kept[name]}.safetensors"));

    /// <summary>Removes the files of kept parameters that the latest checkpoint does not need any more.</summary>
    public void RemoveForgotten()
    {
        // Within the report of an epoch the replaced parameters are still needed: a resumed run reports this epoch from its beginning.
        if (scratch is null || within) return;
        var needed = kept.Keys.Select(PathOf).ToHashSet(StringComparer.Ordinal);
        foreach (var file in Directory.GetFiles(scratch, "kept-*.safetensors"))
            if (!needed.Contains(file)) AtomicFile.Delete(file); // the next checkpoint tries again
    }

    public void SaveModel(string folder)
    {
        if (!IsLive) return;
        if (adapter is not null) adapter.Save(folder, isSwapped ? adapter.Flat : optimizer.Master);
        else Checkpoint.Save(folder, decoder.Weights);
    }

    /// <summary>The record as tensors of a checkpoint. Safetensors has no type for doubles here, so losses are written as the bits of their
    /// doubles.</summary>
    public IEnumerable<(string Name, Tensor Values)> State()
    {
        yield return ("losses", tensor(losses.Select(BitConverter.DoubleToInt64Bits).ToArray(), ScalarType.Int64));
        foreach (var (key, correct) in answers.OrderBy(a => a.Key, StringComparer.Ordinal))
            yield return ("answers:" + key, tensor(correct.Select(c => c ? 1f : 0f).ToArray(), ScalarType.Float32));
    }

    /// <summary>Takes over what <see cref="State"/> wrote to a checkpoint.</summary>
    public void Restore(Safetensors saved)
    {
        losses.AddRange(saved.Read("losses").data<long>().ToArray().Select(BitConverter.Int64BitsToDouble));
        foreach (var name in saved.Names)
            if (name.StartsWith("answers:", StringComparison.Ordinal))
                answers[name["answers:".Length..]] = [.. saved.Read(name).data<float>().ToArray().Select(c => c > 0)];
        for (var epoch = 0; epoch < saved.Read("recorded").item<long>(); epoch++) replayed.Add(epoch);
    }

    public void Dispose()
    {
        foreach (var tensor in held.Values) tensor.Dispose();
    }
}

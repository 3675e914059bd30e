using Slick.Models;
using Slick.Runtime;
using TorchSharp;
using static TorchSharp.torch;

namespace Slick.Training;

/// <summary>
/// The end of an epoch of fine-tuning (0: the model before any update), and what can be asked there. What was asked is part of the run's
/// checkpoint: after a resume the epochs before the checkpoint are told again, and give the same answers without asking the model.
/// So what is called here may depend on the answers of this epoch and of those before it, and on nothing else.
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

    /// <summary>0 is the model before any update.</summary>
    public int Epoch { get; }
    /// <summary>Optimiser steps so far.</summary>
    public int Updates { get; }
    /// <summary>Mean loss of the epoch's answer tokens, ends included, in nats, each as it was before the step that its batch led to;
    /// NaN at epoch 0. Examples that were mixed in do not count.</summary>
    public double Loss { get; }
    /// <summary>False where the epoch is told again after a resume: then the parameters are those of a later epoch.</summary>
    public bool IsLive => record.IsLive;
    /// <summary>The model as it stands now, for questions of the caller's own; only where <see cref="IsLive"/>.</summary>
    public Decoder Decoder => record.Decoder;
    internal bool Stopped { get; private set; }

    /// <summary>For each question of a set, in the set's order, whether the greedy answer is the gold answer: exact match.</summary>
    /// <param name="questions">The set's name in <see cref="FineTuningRun.Questions"/>.</param>
    /// <exception cref="ArgumentException">The run has no set of that name.</exception>
    public IReadOnlyList<bool> Ask(string questions) => record.Ask(Epoch, "", questions, cancellation);

    /// <summary>Keeps the trained parameters as they are now under a name; those kept before under the name are forgotten.</summary>
    /// <param name="name">Letters, digits and hyphens, such as <c>early-stop</c>.</param>
    /// <exception cref="ArgumentException">The name has other signs.</exception>
    public void Keep(string name) => record.Keep(Epoch, name);

    /// <summary>As <see cref="Ask"/>, of the model with the parameters that were kept under a name.</summary>
    /// <param name="kept">The name.</param>
    /// <param name="questions">The set's name.</param>
    /// <exception cref="ArgumentException">Nothing was kept under that name, or the run has no set of that name.</exception>
    public IReadOnlyList<bool> AskKept(string kept, string questions) => record.Ask(Epoch, kept, questions, cancellation);

    /// <summary>Brings kept parameters back for the time of a call, then those of now.</summary>
    /// <param name="kept">The name.</param>
    /// <param name="work">Is given the model with the kept parameters; not called where <see cref="IsLive"/> is false.</param>
    /// <exception cref="ArgumentException">Nothing was kept under that name.</exception>
    public void WithKept(string kept, Action<Decoder> work) => record.WithKept(kept, work);

    /// <summary>
    /// Writes the model as it is now: the whole model as <see cref="Checkpoint.Save"/>, or the adapter alone
    /// (<see cref="LoraAdapter.Save"/>). Nothing is written where <see cref="IsLive"/> is false.
    /// </summary>
    /// <param name="folder">Where to.</param>
    public void Save(string folder) => record.SaveModel(folder);

    /// <summary>Ends the run with this epoch.</summary>
    public void Stop() => Stopped = true;
}

/// <summary>What a run of fine-tuning remembers from epoch to epoch, in its checkpoint and beside it.</summary>
internal sealed class RunRecord(ParameterSet parameters, Decoder decoder, LoraAdapter? adapter, string? scratch,
    IReadOnlyDictionary<string, Evaluation> questions) : IDisposable
{
    private readonly Dictionary<string, bool[]> answers = new(StringComparer.Ordinal);
    private readonly List<double> losses = [];
    private readonly Dictionary<string, int> kept = new(StringComparer.Ordinal);        // the epoch of what is kept, by name
    private readonly Dictionary<string, Tensor> held = new(StringComparer.Ordinal);     // the parameters where there is no folder

    private readonly HashSet<int> replayed = []; // epochs that had ended before the checkpoint
    private bool within;                         // an epoch has begun and not ended

    public bool IsLive { get; private set; } = true;
    public Decoder Decoder => IsLive ? decoder : throw new InvalidOperationException("The epoch is told again: ask where IsLive is true.");

    /// <summary>The end of an epoch is told; its loss is asked for where it is not known from a checkpoint.</summary>
    public double Begin(int epoch, Func<double> loss)
    {
        (within, IsLive) = (true, !replayed.Contains(epoch));
        if (epoch == losses.Count) losses.Add(loss());
        return losses[epoch];
    }

    /// <summary>The end of an epoch was told.</summary>
    public void End() => within = false;

    public bool[] Ask(int epoch, string name, string set, CancellationToken cancellation)
    {
        var asked = questions.TryGetValue(set, out var found) ? found
            : throw new ArgumentException($"The run has no questions '{set}'.", nameof(set));
        if (name.Length > 0 && !kept.ContainsKey(name)) throw NotKept(name);
        // The epoch whose parameters answer says whose answers they are.
        var key = FormattableString.Invariant($"{(name.Length > 0 ? kept[name] : epoch)}:{set}");
        if (answers.TryGetValue(key, out var known)) return known;
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
            using var scope = NewDisposeScope();
            Safetensors.Write(PathOf(name), [("parameters", parameters.Copy())]);
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
            parameters.Set(scratch is null ? held[name] : Safetensors.Open(PathOf(name)).Read("parameters"));
            work();
        }
        finally
        {
            parameters.Set(now);
        }
    }

    private static ArgumentException NotKept(string name) => new($"Nothing was kept as '{name}'.", nameof(name));

    // A file for each epoch: one of a later epoch than the checkpoint's does not replace what the checkpoint speaks of.
    private string PathOf(string name) =>
        Path.Combine(scratch!, FormattableString.Invariant($"kept-{name}-{kept[name]}.safetensors"));

    /// <summary>Removes the files of parameters that no checkpoint speaks of any more.</summary>
    public void RemoveForgotten()
    {
        // Within an epoch what the epoch replaces is still needed: a resumed run tells the epoch from its beginning.
        if (scratch is null || within) return;
        var needed = kept.Keys.Select(PathOf).ToHashSet(StringComparer.Ordinal);
        foreach (var file in Directory.GetFiles(scratch, "kept-*.safetensors"))
            if (!needed.Contains(file)) File.Delete(file);
    }

    public void SaveModel(string folder)
    {
        if (!IsLive) return;
        if (adapter is not null) adapter.Save(folder);
        else Checkpoint.Save(folder, decoder.Weights);
    }

    /// <summary>As tensors of a checkpoint; the bits of the losses' doubles, a type that Safetensors does not write.</summary>
    public IEnumerable<(string Name, Tensor Values)> State()
    {
        yield return ("losses", tensor(losses.Select(BitConverter.DoubleToInt64Bits).ToArray(), ScalarType.Int64));
        foreach (var (key, correct) in answers.OrderBy(a => a.Key, StringComparer.Ordinal))
            yield return ("answers:" + key, tensor(correct.Select(c => c ? 1f : 0f).ToArray(), ScalarType.Float32));
    }

    /// <summary>Takes <see cref="State"/> back.</summary>
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

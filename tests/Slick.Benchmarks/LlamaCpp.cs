using LLama.Exceptions;
using LLama.Native;
using Slick.Models;

namespace Slick.Benchmarks;

/// <summary>
/// A model in a GGUF file, computed by llama.cpp on the CPU: flash attention, one cache that all sequences share, every batch in one piece.
/// Without an object of this class nothing of LLamaSharp is loaded.
/// </summary>
internal sealed class LlamaCpp : ISequences, IDisposable
{
    /// <summary>The largest number of sequences that llama.cpp keeps.</summary>
    public const int MostSequences = 256;

    private readonly SafeLlamaModelHandle model;
    private readonly SafeLLamaContextHandle context;
    private readonly LLamaBatch batch = new();

    // The first call loads the native library that fits the processor.
    static LlamaCpp()
    {
        NativeLibraryConfig.All.WithLogCallback((_, _) => { });
        NativeApi.llama_empty_call();
    }

    /// <param name="file">The GGUF file.</param>
    /// <param name="config">The shape of the checkpoint that the file was made from.</param>
    /// <param name="threads">Threads of a batch.</param>
    /// <param name="sequences">Sequences at a time, at most <see cref="MostSequences"/>.</param>
    /// <param name="cells">Tokens in the cache at a time.</param>
    /// <param name="batchTokens">Tokens of a batch, at most.</param>
    /// <exception cref="SlickException">The file cannot be read, or is not of that checkpoint.</exception>
    public LlamaCpp(string file, DecoderConfig config, int threads, int sequences, int cells, int batchTokens)
    {
        if (!File.Exists(file)) throw new SlickException($"{file}: there is no such GGUF file.");
        try
        {
            model = SafeLlamaModelHandle.LoadFromFile(file, LLamaModelParams.Default());
        }
        catch (RuntimeError e)
        {
            throw new SlickException($"{file}: llama.cpp cannot load this file ({e.Message}); is it a GGUF file of a model it knows?", e);
        }
        if (model.Vocab.Count != config.VocabularySize)
            throw new SlickException($"{file}: this model has {model.Vocab.Count} tokens and the checkpoint {config.VocabularySize}; make "
                + "the GGUF file from the checkpoint.");
        var settings = LLamaContextParams.Default();
        settings.n_ctx = (uint)(cells + 255) / 256 * 256;
        settings.n_batch = settings.n_ubatch = (uint)batchTokens;
        settings.n_seq_max = (uint)sequences;
        settings.n_outputs_max = (uint)sequences;
        settings.n_threads = settings.n_threads_batch = threads;
        settings.llama_flash_attn_type = LLamaFlashAttentionType.LLAMA_FLASH_ATTENTION_TYPE_ENABLED;
        (settings.kv_unified, settings.swa_full, settings.no_perf) = (true, true, true);
        context = SafeLLamaContextHandle.Create(model, settings);
    }

    public void Decode(IReadOnlyList<SequenceToken> tokens)
    {
        batch.Clear();
        foreach (var token in tokens) batch.Add(token.Token, token.Position, (LLamaSeqId)token.Sequence, token.IsWanted);
        if (context.Decode(batch) is not DecodeResult.Ok and var result)
            throw new SlickException($"llama.cpp could not compute a batch of {tokens.Count} tokens: {result}.");
    }

    public ReadOnlySpan<float> Logits(int index) => context.GetLogitsIth(index);

    public void Copy(int from, int to) => context.MemorySequenceCopy((LLamaSeqId)from, (LLamaSeqId)to, -1, -1);

    public void Remove(int sequence) => context.MemorySequenceRemove((LLamaSeqId)sequence, -1, -1);

    public void Dispose()
    {
        context.Dispose();
        model.Dispose();
    }
}

using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Slick.Tests.Models.StraightLine;

/// <summary>
/// A checkpoint of a few thousand random weights, far larger than fresh ones so that a mistake shows; and the few lines that write and read
/// its file.
/// </summary>
internal sealed class TinyModel
{
    private const int Vocabulary = 101, Hidden = 32, Layers = 4, Heads = 4, KeyValueHeads = 2, Inner = 48;
    private readonly Random random = new(7);

    public JsonObject Config { get; }
    public Dictionary<string, (long[] Shape, float[] Values)> Tensors { get; } = [];

    /// <summary>A family with the settings that differ from its plain form.</summary>
    public TinyModel(string type, JsonObject settings)
    {
        Config = type == "gpt2"
            ? new() { ["model_type"] = type, ["n_embd"] = Hidden, ["n_layer"] = Layers, ["n_head"] = Heads, ["n_positions"] = 64,
                ["vocab_size"] = Vocabulary, ["activation_function"] = "gelu_new" }
            : new()
            {
                ["model_type"] = type, ["hidden_size"] = Hidden, ["num_hidden_layers"] = Layers, ["num_attention_heads"] = Heads,
                    ["intermediate_size"] = Inner,
                ["max_position_embeddings"] = 64, ["vocab_size"] = Vocabulary,
            };
        if (type is not ("gpt2" or "gpt_neox")) Config["num_key_value_heads"] = KeyValueHeads;
        foreach (var (key, value) in settings) Config[key] = value?.DeepClone();
        switch (type)
        {
            case "gpt2":
                Gpt2(Config["_prefix"]?.GetValue<string>() ?? "");
                break;
            case "gpt_neox":
                Neox();
                break;
            default:
                LlamaLike(type);
                break;
        }
    }

    private void LlamaLike(string type)
    {
        var width = Config["head_dim"]?.GetValue<int>() ?? Hidden / Heads;
        var gemma = type is "gemma2" or "gemma3_text";
        var attentionBias = Config["attention_bias"]?.GetValue<bool>() ?? false;
        var mlpBias = Config["mlp_bias"]?.GetValue<bool>() ?? false;
        Matrix("model.embed_tokens", Vocabulary, Hidden, false);
        for (var l = 0; l < Layers; l++)
        {
            var p = $"model.layers.{l}.";
            void Norm(string name, int size = Hidden) => Scale(p + name + ".weight", size, gemma ? 0 : 1);
            if (type != "olmo2") Norm("input_layernorm");
            Norm("post_attention_layernorm");
            if (gemma) Norm("pre_feedforward_layernorm");
            if (gemma || type == "olmo2") Norm("post_feedforward_layernorm");
            if (type is "qwen3" or "gemma3_text" or "olmo2")
            {
                Norm("self_attn.q_norm", type == "olmo2" ? Heads * width : width);
                Norm("self_attn.k_norm", type == "olmo2" ? KeyValueHeads * width : width);
            }
            if (type == "phi3")
            {
                Matrix(p + "self_attn.qkv_proj", (Heads + 2 * KeyValueHeads) * width, Hidden, false);
                Matrix(p + "mlp.gate_up_proj", 2 * Inner, Hidden, false);
            }
            else
            {
                Matrix(p + "self_attn.q_proj", Heads * width, Hidden, attentionBias || type == "qwen2");
                Matrix(p + "self_attn.k_proj", KeyValueHeads * width, Hidden, attentionBias || type == "qwen2");
                Matrix(p + "self_attn.v_proj", KeyValueHeads * width, Hidden, attentionBias || type == "qwen2");
                Matrix(p + "mlp.gate_proj", Inner, Hidden, mlpBias);
                Matrix(p + "mlp.up_proj", Inner, Hidden, mlpBias);
            }
            Matrix(p + "self_attn.o_proj", Hidden, Heads * width, attentionBias);
            Matrix(p + "mlp.down_proj", Hidden, Inner, mlpBias);
        }
        Scale("model.norm.weight", Hidden, gemma ? 0 : 1);
        if (!(Config["tie_word_embeddings"]?.GetValue<bool>() ?? (gemma || type == "smollm3"))) Matrix("lm_head", Vocabulary, Hidden,
            false);
    }

    private void Gpt2(string prefix)
    {
        Matrix(prefix + "wte", Vocabulary, Hidden, false);
        Matrix(prefix + "wpe", 64, Hidden, false);
        void Conv(string name, int inputs, int outputs)
        {
            Random(name + ".weight", [inputs, outputs], 0, 0.3);
            Random(name + ".bias", [outputs], 0, 0.2);
        }
        for (var l = 0; l < Layers; l++)
        {
            var p = $"{prefix}h.{l}.";
            LayerNorm(p + "ln_1");
            LayerNorm(p + "ln_2");
            Conv(p + "attn.c_attn", Hidden, 3 * Hidden);
            Conv(p + "attn.c_proj", Hidden, Hidden);
            Conv(p + "mlp.c_fc", Hidden, 4 * Hidden);
            Conv(p + "mlp.c_proj", 4 * Hidden, Hidden);
        }
        LayerNorm(prefix + "ln_f");
    }

    private void Neox()
    {
        var bias = Config["attention_bias"]?.GetValue<bool>() ?? true;
        Matrix("gpt_neox.embed_in", Vocabulary, Hidden, false);
        Matrix("embed_out", Vocabulary, Hidden, false);
        for (var l = 0; l < Layers; l++)
        {
            var p = $"gpt_neox.layers.{l}.";
            LayerNorm(p + "input_layernorm");
            LayerNorm(p + "post_attention_layernorm");
            Matrix(p + "attention.query_key_value", 3 * Hidden, Hidden, bias);
            Matrix(p + "attention.dense", Hidden, Hidden, bias);
            Matrix(p + "mlp.dense_h_to_4h", Inner, Hidden, true);
            Matrix(p + "mlp.dense_4h_to_h", Hidden, Inner, true);
        }
        LayerNorm("gpt_neox.final_layer_norm");
    }

    private void Matrix(string name, int outputs, int inputs, bool bias)
    {
        Random(name + ".weight", [outputs, inputs], 0, 0.3);
        if (bias) Random(name + ".bias", [outputs], 0, 0.2);
    }

    private void Scale(string name, int size, double center) => Random(name, [size], center, 0.3);

    private void LayerNorm(string name)
    {
        Scale(name + ".weight", Hidden, 1);
        Random(name + ".bias", [Hidden], 0, 0.2);
    }

    private void Random(string name, long[] shape, double mean, double deviation)
    {
        var count = shape.Aggregate(1L, (a, b) => a * b);
        // Box and Muller 1958.
        Tensors[name] = (shape, [.. Enumerable.Range(0, (int)count).Select(_ =>
            (float)(mean + deviation * Math.Sqrt(-2 * Math.Log(1 - random.NextDouble())) * Math.Cos(2 * Math.PI * random.NextDouble())))]);
    }

    /// <summary>Writes config.json and model.safetensors into a new folder.</summary>
    public string Write()
    {
        var folder = Scratch.Folder();
        var config = (JsonObject)Config.DeepClone();
        config.Remove("_prefix");
        File.WriteAllText(Path.Combine(folder, "config.json"), config.ToJsonString());
        var header = new JsonObject();
        long offset = 0;
        foreach (var (name, (shape, values)) in Tensors)
        {
            header[name] = new JsonObject { ["dtype"] = "F32", ["shape"] = new JsonArray([.. shape.Select(n => JsonValue.Create(n))]),
                ["data_offsets"] = new JsonArray(offset, offset + 4 * values.Length) };
            offset += 4 * values.Length;
        }
        var json = Encoding.UTF8.GetBytes(header.ToJsonString());
        using var stream = File.Create(Path.Combine(folder, "model.safetensors"));
        stream.Write(BitConverter.GetBytes((ulong)json.Length));
        stream.Write(json);
        foreach (var (_, values) in Tensors.Values) stream.Write(MemoryMarshal.AsBytes<float>(values));
        return folder;
    }

    /// <summary>Reads the fp32 and int64 tensors of a file.</summary>
    public static Dictionary<string, (long[] Shape, float[] Values)> Read(string path)
    {
        var bytes = File.ReadAllBytes(path);
        var length = (int)BinaryPrimitives.ReadUInt64LittleEndian(bytes);
        using var header = JsonDocument.Parse(bytes.AsMemory(8, length));
        var tensors = new Dictionary<string, (long[], float[])>();
        foreach (var entry in header.RootElement.EnumerateObject().Where(e => e.Name != "__metadata__"))
        {
            long[] shape = [.. entry.Value.GetProperty("shape").EnumerateArray().Select(n => n.GetInt64())];
            int begin = entry.Value.GetProperty("data_offsets")[0].GetInt32(), end = entry.Value.GetProperty("data_offsets")[1].GetInt32();
            var data = bytes.AsSpan(8 + length + begin, end - begin);
            float[] values = entry.Value.GetProperty("dtype").GetString() == "I64"
                ? [.. MemoryMarshal.Cast<byte, long>(data).ToArray().Select(n => (float)n)]
                : MemoryMarshal.Cast<byte, float>(data).ToArray();
            tensors[entry.Name] = (shape, values);
        }
        return tensors;
    }
}

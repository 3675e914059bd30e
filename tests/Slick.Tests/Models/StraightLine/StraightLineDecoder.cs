using System.Text.Json.Nodes;

namespace Slick.Tests.Models.StraightLine;

/// <summary>
/// Decoders written out in loops over doubles, from the papers and the public documentation of each family, for one
/// sequence without padding. It shares nothing with the library: what both get is right, or wrong twice.
/// Llama 2302.13971, Mistral 2310.06825, Qwen2 2407.10671, Qwen3 2505.09388, Gemma 2 2408.00118, Gemma 3 2503.19786, Phi-3
/// 2404.14219, OLMo 2 2501.00656, SmolLM3 and NoPE 2501.18795, GPT-2 (Radford et al. 2019), GPT-NeoX 2204.06745.
/// </summary>
internal sealed class StraightLineDecoder(JsonObject config, IReadOnlyDictionary<string, (long[] Shape, float[] Values)> tensors)
{
    private readonly string type = config["model_type"]!.GetValue<string>();

    private double Number(string key, double fallback) => config[key] is { } node ? node.GetValue<double>() : fallback;

    private int Whole(string key, int fallback) => config[key] is { } node ? node.GetValue<int>() : fallback;

    private bool Flag(string key, bool fallback) => config[key] is { } node ? node.GetValue<bool>() : fallback;

    /// <summary>Logits of every position: [T][V].</summary>
    public double[][] Logits(int[] ids) => type switch
    {
        "gpt2" => Gpt2(ids),
        "gpt_neox" => Neox(ids),
        _ => LlamaLike(ids),
    };

    private double[][] LlamaLike(int[] ids)
    {
        var gemma = type is "gemma2" or "gemma3_text";
        int hidden = Whole("hidden_size", 0), layers = Whole("num_hidden_layers", 0), heads = Whole("num_attention_heads", 0);
        var kvHeads = Whole("num_key_value_heads", heads);
        var width = Whole("head_dim", hidden / heads);
        var eps = Number("rms_norm_eps", 1e-6);
        double[] Norm(double[] v, string name)
        {
            var w = Vector(name);
            var scale = 1 / Math.Sqrt(v.Sum(a => a * a) / v.Length + eps);
            return [.. v.Select((a, i) => a * scale * (gemma ? 1 + w[i] : w[i]))];
        }
        double[][] PerHead(double[] v, int count) => [.. Enumerable.Range(0, count).Select(h => v[(h * width)..((h + 1) * width)])];

        var x = ids.Select(id => Row("model.embed_tokens.weight", id)).ToArray();
        if (gemma) x = [.. x.Select(v => v.Select(a => a * (float)Math.Sqrt(hidden)).ToArray())];
        for (var l = 0; l < layers; l++)
        {
            var p = $"model.layers.{l}.";
            var sliding = Slides(l);
            var frequencies = Frequencies(sliding, width);
            var turns = type != "smollm3" || (config["no_rope_layers"] is JsonArray list ? list[l]!.GetValue<int>() == 1
                : (l + 1) % Whole("no_rope_layer_interval", 4) != 0);
            var queries = new double[ids.Length][][];
            var keys = new double[ids.Length][][];
            var values = new double[ids.Length][][];
            for (var t = 0; t < ids.Length; t++)
            {
                var input = type == "olmo2" ? x[t] : Norm(x[t], p + "input_layernorm.weight");
                double[] q, k, v;
                if (type == "phi3")
                {
                    var all = Linear(input, p + "self_attn.qkv_proj");
                    (q, k, v) = (all[..(heads * width)], all[(heads * width)..((heads + kvHeads) * width)],
                        all[((heads + kvHeads) * width)..]);
                }
                else (q, k, v) = (Linear(input, p + "self_attn.q_proj"), Linear(input, p + "self_attn.k_proj"),
                    Linear(input, p + "self_attn.v_proj"));
                if (type == "olmo2") (q, k) = (Norm(q, p + "self_attn.q_norm.weight"), Norm(k, p + "self_attn.k_norm.weight"));
                (queries[t], keys[t], values[t]) = (PerHead(q, heads), PerHead(k, kvHeads), PerHead(v, kvHeads));
                if (type is "qwen3" or "gemma3_text")
                {
                    queries[t] = [.. queries[t].Select(h => Norm(h, p + "self_attn.q_norm.weight"))];
                    keys[t] = [.. keys[t].Select(h => Norm(h, p + "self_attn.k_norm.weight"))];
                }
                if (!turns) continue;
                queries[t] = [.. queries[t].Select(h => Rotate(h, t, frequencies))];
                keys[t] = [.. keys[t].Select(h => Rotate(h, t, frequencies))];
            }
            var scale = gemma ? Math.Pow(Number("query_pre_attn_scalar", 256), -0.5) : Math.Pow(width, -0.5);
            var cap = gemma && config["attn_logit_softcapping"] is { } c ? c.GetValue<double>() : 0;
            var mixed = Attend(queries, keys, values, scale, cap, sliding ? Whole("sliding_window", 0) : int.MaxValue);
            for (var t = 0; t < ids.Length; t++)
            {
                var attended = Linear(mixed[t], p + "self_attn.o_proj");
                if (gemma || type == "olmo2") attended = Norm(attended, p + "post_attention_layernorm.weight");
                x[t] = Sum(x[t], attended);
                var input = gemma ? Norm(x[t], p + "pre_feedforward_layernorm.weight") : type == "olmo2" ? x[t]
                    : Norm(x[t], p + "post_attention_layernorm.weight");
                double[] gate, up;
                if (type == "phi3")
                {
                    var both = Linear(input, p + "mlp.gate_up_proj");
                    (gate, up) = (both[..(both.Length / 2)], both[(both.Length / 2)..]);
                }
                else (gate, up) = (Linear(input, p + "mlp.gate_proj"), Linear(input, p + "mlp.up_proj"));
                var inner = gate.Select((g, i) => (gemma ? GeluTanh(g) : g / (1 + Math.Exp(-g))) * up[i]).ToArray();
                var down = Linear(inner, p + "mlp.down_proj");
                if (gemma || type == "olmo2") down = Norm(down, p + "post_feedforward_layernorm.weight");
                x[t] = Sum(x[t], down);
            }
        }
        var head = Flag("tie_word_embeddings", gemma || type == "smollm3") ? "model.embed_tokens" : "lm_head";
        var final = gemma && config["final_logit_softcapping"] is { } f ? f.GetValue<double>() : 0;
        return [.. x.Select(v => Linear(Norm(v, "model.norm.weight"), head).Select(a => final > 0 ? final * Math.Tanh(a / final) : a)
            .ToArray())];
    }

    private bool Slides(int layer)
    {
        if (config["sliding_window"] is null) return false;
        if (config["layer_types"] is JsonArray types) return types[layer]!.GetValue<string>() == "sliding_attention";
        return type switch
        {
            "mistral" or "phi3" => true,
            "qwen2" or "qwen3" => Flag("use_sliding_window", false) && layer >= Whole("max_window_layers", 28),
            "gemma2" => layer % 2 == 0,
            "gemma3_text" => (layer + 1) % Whole("sliding_window_pattern", 6) != 0,
            "smollm3" => Flag("use_sliding_window", false) && (layer + 1) % Whole("no_rope_layer_interval", 4) == 0,
            _ => false,
        };
    }

    private double[] Frequencies(bool sliding, int width)
    {
        var settings = config["rope_parameters"] as JsonObject ?? config["rope_scaling"] as JsonObject;
        if (type == "gemma3_text" && sliding && config["rope_parameters"] is null) settings = null; // the local base is never scaled
        if (settings?[sliding ? "sliding_attention" : "full_attention"] is JsonObject own) settings = own;
        var theta = settings?["rope_theta"]?.GetValue<double>()
            ?? (type == "gemma3_text" && sliding ? Number("rope_local_base_freq", 10_000)
            : Number("rope_theta", type == "gemma3_text" ? 1e6 : type == "smollm3" ? 2e6 : 1e4));
        var share = settings?["partial_rotary_factor"]?.GetValue<double>() ?? Number("partial_rotary_factor", 1);
        var rotated = (int)(width * share);
        var frequencies = Enumerable.Range(0, rotated / 2).Select(i => 1 / Math.Pow(theta, 2.0 * i / rotated)).ToArray();
        switch ((settings?["rope_type"] ?? settings?["type"])?.GetValue<string>())
        {
            case "linear":
                return [.. frequencies.Select(f => f / settings!["factor"]!.GetValue<double>())];
            case "llama3":
                double factor = settings!["factor"]!.GetValue<double>(), low = settings["low_freq_factor"]!.GetValue<double>(),
                    high = settings["high_freq_factor"]!.GetValue<double>(),
                        original = settings["original_max_position_embeddings"]!.GetValue<double>();
                return [.. frequencies.Select(f =>
                {
                    var wavelength = 2 * Math.PI / f;
                    if (wavelength < original / high) return f;
                    if (wavelength > original / low) return f / factor;
                    var smooth = (original / wavelength - low) / (high - low);
                    return (1 - smooth) * f / factor + smooth * f;
                })];
            default:
                return frequencies;
        }
    }

    private double[][] Gpt2(int[] ids)
    {
        var prefix = tensors.ContainsKey("transformer.wte.weight") ? "transformer." : "";
        int hidden = Whole("n_embd", 0), layers = Whole("n_layer", 0), heads = Whole("n_head", 0);
        var eps = Number("layer_norm_epsilon", 1e-5);
        double[] Conv(double[] v, string name) // stored as [in, out]
        {
            var ((shape, w), bias) = (tensors[name + ".weight"], Vector(name + ".bias"));
            return [.. Enumerable.Range(0, (int)shape[1])
                .Select(o => bias[o] + Enumerable.Range(0, v.Length).Sum(i => v[i] * w[i * shape[1] + o]))];
        }
        var x = ids.Select((id, t) => Sum(Row(prefix + "wte.weight", id), Row(prefix + "wpe.weight", t))).ToArray();
        for (var l = 0; l < layers; l++)
        {
            var p = $"{prefix}h.{l}.";
            var qkv = x.Select(v => Conv(LayerNorm(v, p + "ln_1", eps), p + "attn.c_attn")).ToArray();
            double[][] Heads(double[] v, int part) =>
                [.. Enumerable.Range(0, heads).Select(h =>
                v[(part * hidden + h * hidden / heads)..(part * hidden + (h + 1) * hidden / heads)])];
            var mixed = Attend([.. qkv.Select(v => Heads(v, 0))], [.. qkv.Select(v => Heads(v, 1))], [.. qkv.Select(v => Heads(v, 2))],
                Math.Pow(hidden / heads, -0.5), 0, int.MaxValue);
            for (var t = 0; t < ids.Length; t++)
            {
                x[t] = Sum(x[t], Conv(mixed[t], p + "attn.c_proj"));
                var inner = Conv(LayerNorm(x[t], p + "ln_2", eps), p + "mlp.c_fc").Select(GeluTanh).ToArray();
                x[t] = Sum(x[t], Conv(inner, p + "mlp.c_proj"));
            }
        }
        return [.. x.Select(v => Linear(LayerNorm(v, prefix + "ln_f", eps), prefix + "wte"))];
    }

    private double[][] Neox(int[] ids)
    {
        int hidden = Whole("hidden_size", 0), layers = Whole("num_hidden_layers", 0), heads = Whole("num_attention_heads", 0),
            width = hidden / heads;
        var eps = Number("layer_norm_eps", 1e-5);
        var parallel = Flag("use_parallel_residual", true);
        var rope = config["rope_parameters"] as JsonObject;
        var rotated = (int)(width * (rope?["partial_rotary_factor"]?.GetValue<double>() ?? Number("rotary_pct", 0.25)));
        var theta = rope?["rope_theta"]?.GetValue<double>() ?? Number("rotary_emb_base", 10_000);
        var frequencies = Enumerable.Range(0, rotated / 2).Select(i => 1 / Math.Pow(theta, 2.0 * i / rotated)).ToArray();
        var x = ids.Select(id => Row("gpt_neox.embed_in.weight", id)).ToArray();
        for (var l = 0; l < layers; l++)
        {
            var p = $"gpt_neox.layers.{l}.";
            var qkv = x.Select(v => Linear(LayerNorm(v, p + "input_layernorm", eps), p + "attention.query_key_value")).ToArray();
            // Each head has its query, key and value next to each other.
            double[][] Heads(double[] v, int part) =>
                [.. Enumerable.Range(0, heads).Select(h => v[((3 * h + part) * width)..((3 * h + part + 1) * width)])];
            var mixed = Attend([.. qkv.Select((v, t) => Heads(v, 0).Select(h => Rotate(h, t, frequencies)).ToArray())],
                [.. qkv.Select((v, t) => Heads(v, 1).Select(h => Rotate(h, t, frequencies)).ToArray())], [.. qkv.Select(v => Heads(v, 2))],
                    Math.Pow(width, -0.5), 0, int.MaxValue);
            for (var t = 0; t < ids.Length; t++)
            {
                var attended = Linear(mixed[t], p + "attention.dense");
                var before = parallel ? x[t] : Sum(x[t], attended);
                var inner = Linear(LayerNorm(before, p + "post_attention_layernorm", eps), p + "mlp.dense_h_to_4h")
                    .Select(a => 0.5 * a * (1 + Erf(a / Math.Sqrt(2)))).ToArray();
                var mlp = Linear(inner, p + "mlp.dense_4h_to_h");
                x[t] = parallel ? Sum(Sum(x[t], attended), mlp) : Sum(before, mlp);
            }
        }
        return [.. x.Select(v => Linear(LayerNorm(v, "gpt_neox.final_layer_norm", eps), "embed_out"))];
    }

    // [T][heads][width] each; a query sees itself and the window - 1 tokens before it.
    private static double[][] Attend(double[][][] queries, double[][][] keys, double[][][] values, double scale, double cap, int window)
    {
        int heads = queries[0].Length, group = heads / keys[0].Length;
        return [.. Enumerable.Range(0, queries.Length).Select(t => Enumerable.Range(0, heads).SelectMany(h =>
        {
            var first = Math.Max(0, (long)t - window + 1);
            var scores = Enumerable.Range((int)first, t - (int)first + 1)
                .Select(s => queries[t][h].Zip(keys[s][h / group], (a, b) => a * b).Sum() * scale)
                .Select(s => cap > 0 ? cap * Math.Tanh(s / cap) : s).ToArray();
            var most = scores.Max();
            var weights = scores.Select(s => Math.Exp(s - most)).ToArray();
            var total = weights.Sum();
            return Enumerable.Range(0, values[0][0].Length)
                .Select(d => weights.Select((w, i) => w / total * values[(int)first + i][h / group][d]).Sum());
        }).ToArray())];
    }

    private static double[] Rotate(double[] head, int position, double[] frequencies)
    {
        var turned = (double[])head.Clone();
        var half = frequencies.Length;
        for (var i = 0; i < half; i++)
        {
            var (sin, cos) = Math.SinCos(position * frequencies[i]);
            turned[i] = head[i] * cos - head[i + half] * sin;
            turned[i + half] = head[i + half] * cos + head[i] * sin;
        }
        return turned;
    }

    private double[] LayerNorm(double[] v, string name, double eps)
    {
        var (w, b) = (Vector(name + ".weight"), Vector(name + ".bias"));
        var mean = v.Average();
        var scale = 1 / Math.Sqrt(v.Sum(a => (a - mean) * (a - mean)) / v.Length + eps);
        return [.. v.Select((a, i) => (a - mean) * scale * w[i] + b[i])];
    }

    private double[] Linear(double[] v, string name) // stored as [out, in]
    {
        var (shape, w) = tensors[name + ".weight"];
        var bias = tensors.ContainsKey(name + ".bias") ? Vector(name + ".bias") : new double[shape[0]];
        return [.. Enumerable.Range(0, (int)shape[0])
            .Select(o => bias[o] + Enumerable.Range(0, v.Length).Sum(i => v[i] * w[o * shape[1] + i]))];
    }

    private double[] Vector(string name) => [.. tensors[name].Values.Select(a => (double)a)];

    private double[] Row(string name, int row)
    {
        var (shape, values) = tensors[name];
        return [.. values[(int)(row * shape[1])..(int)((row + 1) * shape[1])].Select(a => (double)a)];
    }

    private static double[] Sum(double[] a, double[] b) => [.. a.Zip(b, (x, y) => x + y)];

    private static double GeluTanh(double a) => 0.5 * a * (1 + Math.Tanh(Math.Sqrt(2 / Math.PI) * (a + 0.044715 * a * a * a)));

    // The Taylor series near 0, the continued fraction of the complement elsewhere (Abramowitz and Stegun 7.1.5, 7.1.14).
    private static double Erf(double x)
    {
        var z = Math.Abs(x);
        double value;
        if (z < 2.5)
        {
            double term = z, sum = z;
            for (var n = 1; n < 80; n++)
            {
                term *= -z * z / n;
                sum += term / (2 * n + 1);
            }
            value = 2 / Math.Sqrt(Math.PI) * sum;
        }
        else
        {
            var fraction = 0.0;
            for (var n = 60; n > 0; n--) fraction = n / 2.0 / (z + fraction);
            value = 1 - Math.Exp(-z * z) / Math.Sqrt(Math.PI) / (z + fraction);
        }
        return x < 0 ? -value : value;
    }
}

using System.ComponentModel.DataAnnotations;
using System.Text.Json;
using System.Text.Json.Nodes;
using Slick.Runtime;
using Slick.Storage;
using Slick.Text;

namespace Slick.Models;

/// <summary>
/// The settings of a LoRA adapter (Hu et al. 2021, arXiv 2106.09685). A matrix W of the base model keeps its values. Beside it are two
/// factors, A [rank, inputs] and B [outputs, rank], and the linear map becomes W + factor B A. The settings are those of PEFT's
/// <c>adapter_config.json</c>.
/// </summary>
public sealed record LoraConfig
{
    /// <summary>The name of the settings' file.</summary>
    internal const string FileName = "adapter_config.json";

    /// <summary>PEFT's name for all linear maps of all blocks.</summary>
    public const string AllLinear = "all-linear";

    /// <summary>Rank of the product B A (<c>r</c> in PEFT).</summary>
    [Range(1, 65_536)]
    public int Rank { get; init; } = 8;
    /// <summary>Numerator of <see cref="Factor"/> (<c>lora_alpha</c> in PEFT).</summary>
    [Range(0.0, 1e6)]
    public double Alpha { get; init; } = 16;
    /// <summary>
    /// True where the factor is alpha / sqrt(rank) (Kalajdzievski 2023, arXiv 2312.03732), false where it is alpha / rank.
    /// </summary>
    public bool UseRslora { get; init; }
    /// <summary>
    /// The names of the linear maps that have an adapter. Each is a whole name, or the end of one after a dot, such as <c>q_proj</c>. Null
    /// where <see cref="TargetPattern"/> chooses the maps.
    /// </summary>
    public IReadOnlyList<string>? TargetModules { get; init; }
    /// <summary>
    /// Chooses the maps where <see cref="TargetModules"/> is null: <see cref="AllLinear"/>, or a regular expression over whole names of
    /// maps.
    /// </summary>
    public string TargetPattern { get; init; } = AllLinear;
    /// <summary>The folder or the name of the base model, as the file gives it; empty where the file gives none.</summary>
    public string BaseModel { get; init; } = "";

    /// <summary>The number that multiplies B A.</summary>
    public double Factor => Alpha / (UseRslora ? Math.Sqrt(Rank) : Rank);

    // The file that the settings were read from, for a message; null for settings that were made here.
    internal string? Source { get; init; }

    // Settings of the file that do not change what the adapter computes. eva_config says how A was initialised.
    private static readonly HashSet<string> Remarks = new(StringComparer.Ordinal)
    {
        "auto_mapping", "base_model_name_or_path", "eva_config", "inference_mode", "megatron_core", "peft_version", "qalora_group_size",
        "revision",
    };

    // Ways to initialise an adapter that leave the base model's weights as they are. The others (pissa, olora, loftq, ...) change these
    // weights, and such an adapter has no meaning beside the unchanged weights.
    private static readonly string[] PlainBeginnings = ["gaussian", "eva", "orthogonal"];

    /// <summary>Reads <c>adapter_config.json</c>.</summary>
    /// <param name="folder">The adapter's folder.</param>
    /// <exception cref="SlickException">The file is missing, is no JSON, lacks a setting, or holds a setting that is not supported. The
    /// message names the key.</exception>
    public static LoraConfig Read(string folder)
    {
        var path = Path.Combine(folder, FileName);
        using var json = JsonPlace.Open(path, FileName);
        var top = new JsonPlace(path, "", json.RootElement);
        if (json.RootElement.ValueKind != JsonValueKind.Object) throw top.Wrong("expected is an object");
        if (top["peft_type"].Text() != "LORA") throw top["peft_type"].Wrong("only LORA is supported");
        if (top["task_type"].Text("CAUSAL_LM") != "CAUSAL_LM") throw top["task_type"].Wrong("only CAUSAL_LM is supported");
        if (top["bias"].Text("none") != "none") throw top["bias"].Wrong("only none is supported: trained biases are not read");
        var modules = top["modules_to_save"];
        if (!IsNeutral(modules.Value)) throw modules.Wrong("modules that are trained as a whole beside the adapter are not supported");
        var beginning = top["init_lora_weights"];
        if (beginning.Value.ValueKind is not (JsonValueKind.True or JsonValueKind.False) && !beginning.IsNothing
            && !PlainBeginnings.Contains(beginning.Text()))
            throw beginning.Wrong("such an adapter begins with a change of the base model's weights, which is not supported; save the "
                + "adapter in PEFT as a difference from the plain model");
        Real(top["lora_dropout"], 0, 0, 1); // acts in training alone
        top["fan_in_fan_out"].Flag(false);  // A is [rank, inputs] and B [outputs, rank] for either order of the base's weights
        foreach (var (name, place) in top.Properties())
            if (!Known.Contains(name) && !Remarks.Contains(name) && !IsNeutral(place.Value))
                throw top[name].Wrong("this setting is not supported; only null, false or an empty value is");
        var target = top["target_modules"];
        if (target.IsNothing) throw target.Wrong("expected is a list of names, all-linear, or a regular expression");
        var (list, pattern) = target.Value.ValueKind == JsonValueKind.String ? (null, target.Text())
            : ((string[]?)[.. target.Items().Select(i => i.Text())], AllLinear);
        if (list?.Length == 0 || pattern.Length == 0) throw target.Wrong("no module is named");
        if (pattern != AllLinear) _ = NamePattern.Whole(pattern, target.Wrong);
        var rank = top["r"];
        if (rank.Number() is < 1 or > 65_536) throw rank.Wrong("expected is a number from 1 to 65536");
        return new()
        {
            Rank = rank.Number(),
            Alpha = Real(top["lora_alpha"], null, 0, 1e6),
            UseRslora = top["use_rslora"].Flag(false),
            TargetModules = list,
            TargetPattern = pattern,
            BaseModel = top["base_model_name_or_path"].Text(""),
            Source = path,
        };
    }

    private static readonly HashSet<string> Known = new(StringComparer.Ordinal)
    {
        "peft_type", "task_type", "bias", "modules_to_save", "init_lora_weights", "lora_dropout", "fan_in_fan_out", "target_modules", "r",
        "lora_alpha", "use_rslora",
    };

    private static bool IsNeutral(JsonElement value) => value.ValueKind switch
    {
        JsonValueKind.Array => value.GetArrayLength() == 0,
        JsonValueKind.Object => !value.EnumerateObject().Any(),
        _ => value.ValueKind is JsonValueKind.Undefined or JsonValueKind.Null or JsonValueKind.False,
    };

    private static double Real(JsonPlace place, double? fallback, double least, double most)
    {
        if (place.IsNothing && fallback is { } value) return value;
        return place.Value.ValueKind == JsonValueKind.Number && place.Value.TryGetDouble(out var number) && number >= least
            && number <= most ? number
            : throw place.Wrong(FormattableString.Invariant($"expected is a number from {least} to {most}"));
    }

    /// <summary>The settings in the form that PEFT writes.</summary>
    internal JsonObject ToJson() => new()
    {
        ["base_model_name_or_path"] = BaseModel.Length > 0 ? BaseModel : null,
        ["bias"] = "none",
        ["fan_in_fan_out"] = false,
        ["inference_mode"] = true,
        ["init_lora_weights"] = true,
        ["lora_alpha"] = Alpha == Math.Floor(Alpha) ? JsonValue.Create((int)Alpha) : JsonValue.Create(Alpha),
        ["lora_dropout"] = 0.0,
        ["modules_to_save"] = null,
        ["peft_type"] = "LORA",
        ["r"] = Rank,
        ["target_modules"] = TargetModules is { } names ? new JsonArray([.. names.Select(n => JsonValue.Create(n))]) : TargetPattern,
        ["task_type"] = "CAUSAL_LM",
        ["use_dora"] = false,
        ["use_rslora"] = UseRslora,
    };
}

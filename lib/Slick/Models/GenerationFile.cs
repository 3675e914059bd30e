using System.Globalization;
using System.Text.Json;
using Slick.Text;

namespace Slick.Models;

/// <summary>
/// Reads <c>generation_config.json</c>. Where a folder has this file, <c>generate</c> of Hugging Face transformers follows it, and where
/// there is none it follows config.json (transformers 5, <c>adjust_generation_fn</c>). Read here are the tokens that end an answer. SliCK's
/// protocol has its own temperature, top-k and length, so the other settings of the file are named to the user and not used.
/// </summary>
internal static class GenerationFile
{
    public const string Name = "generation_config.json";

    // Settings that change which tokens generate chooses, with the number that changes nothing. A list or an object changes something where
    // it is not empty.
    private static readonly (string Key, double Neutral)[] Settings =
    [
        ("repetition_penalty", 1), ("encoder_repetition_penalty", 1), ("no_repeat_ngram_size", 0), ("encoder_no_repeat_ngram_size", 0),
        ("bad_words_ids", 0), ("suppress_tokens", 0), ("begin_suppress_tokens", 0), ("forced_bos_token_id", double.NaN),
            ("forced_eos_token_id", double.NaN),
        ("forced_decoder_ids", 0), ("sequence_bias", 0), ("force_words_ids", 0), ("constraints", 0), ("stop_strings", 0),
            ("min_length", 0), ("min_new_tokens", 0),
        ("exponential_decay_length_penalty", 0), ("num_beams", 1), ("penalty_alpha", 0), ("guidance_scale", 1), ("dola_layers", 0),
            ("watermarking_config", 0),
        ("top_p", 1), ("min_p", 0), ("top_h", double.NaN), ("typical_p", 1), ("epsilon_cutoff", 0), ("eta_cutoff", 0),
    ];

    /// <summary>
    /// The config with the ends of answers that <c>generation_config.json</c> beside config.json names. A file that names no end leaves
    /// those of config.json.
    /// </summary>
    /// <param name="config">The settings of config.json.</param>
    /// <param name="configFile">The path of config.json.</param>
    /// <exception cref="SlickException">The file is no JSON object, or an end is not a token's id.</exception>
    public static DecoderConfig Apply(DecoderConfig config, string configFile)
    {
        var path = Path.Combine(Path.GetDirectoryName(configFile) ?? "", Name);
        var isThere = File.Exists(path);
        if (!isThere) path = configFile;
        using var json = JsonPlace.Open(path, Path.GetFileName(path));
        var top = new JsonPlace(path, "", json.RootElement);
        if (json.RootElement.ValueKind != JsonValueKind.Object) throw top.Wrong("expected is an object");
        string[] unused = [.. Settings.Where(s => Matters(top[s.Key].Value, s.Neutral))
            .Select(s => $"{s.Key} = {Shown(top[s.Key].Value)}")];
        if (unused.Length > 0)
            config = config with
            {
                UnusedGeneration =
                    $"{path} sets {string.Join(", ", unused)}. This changes what generate of transformers answers; SliCK's protocol does "
                    + $"not use it: its answers are the most probable tokens, or drawn by its own temperature and top-k.",
            };
        var ends = top["eos_token_id"];
        if (!isThere || ends.IsNothing) return config;
        return config with { EosIds = ends.Value.ValueKind == JsonValueKind.Array ? [.. ends.Items().Select(End)] : [End(ends)],
            GenerationSource = json.RootElement.GetRawText() };
    }

    private static int End(JsonPlace place) => place.Value.ValueKind == JsonValueKind.Number && place.Value.TryGetInt32(out var id)
        && id >= 0 ? id
        : throw place.Wrong("expected is a token's id, or a list of them");

    private static bool Matters(JsonElement value, double neutral) => value.ValueKind switch
    {
        JsonValueKind.Number => value.GetDouble() != neutral,
        JsonValueKind.Array => value.GetArrayLength() > 0,
        JsonValueKind.Object => value.EnumerateObject().Any(),
        JsonValueKind.String => value.ValueEquals("") == false,
        _ => value.ValueKind == JsonValueKind.True,
    };

    private static string Shown(JsonElement value) => value.ValueKind == JsonValueKind.Array
        ? string.Create(CultureInfo.InvariantCulture, $"[{value.GetArrayLength()} {(value.GetArrayLength() == 1 ? "entry" : "entries")}]")
        : value.ValueKind == JsonValueKind.Object ? "{...}" : value.GetRawText();
}

using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization;
using Slick.Runtime;

namespace Slick.Storage;

/// <summary>
/// A piece of work as data: exactly what its result follows from. A stage can be printed, hashed, written to a file and read by another
/// process. The code that does the work is found by <see cref="Kind"/>.
/// </summary>
public sealed record Stage
{
    private static readonly JsonSerializerOptions Json = new()
    {
        WriteIndented = true,
        PropertyNamingPolicy = JsonNamingPolicy.CamelCase,
        Converters = { new JsonStringEnumConverter(JsonNamingPolicy.CamelCase) },
        NumberHandling = JsonNumberHandling.AllowNamedFloatingPointLiterals,
    };

    private readonly Lazy<string> key;

    /// <summary>The kind of work: world, pretrain, label, finetune, ...; in lower-case letters.</summary>
    public string Kind { get; }
    /// <summary>The version of the kind. It is raised whenever the same options would give another result.</summary>
    public int Version { get; }
    /// <summary>What the stage does, in words, for lists. The title is not part of the key.</summary>
    public string Title { get; }
    /// <summary>
    /// The options that differ from their defaults. So an option that is added later, with a default that changes nothing, changes no key.
    /// </summary>
    public JsonObject Options { get; }
    /// <summary>The seed of the work.</summary>
    public int Seed { get; }
    /// <summary>
    /// Names of what the work reads: stages of the store as <c>kind-key</c>, and sources outside the store, such as <c>checkpoint-hash</c>.
    /// </summary>
    public IReadOnlyList<string> Inputs { get; }
    /// <summary>The kind of device that models run on: cpu, cuda or server; empty where no model runs.</summary>
    public string Device { get; }
    /// <summary>
    /// The number format that models compute in: fp32, bf16, or served where a server decides; empty where no model runs.
    /// </summary>
    public string NumberFormat { get; }
    /// <summary>The hash of all that the result follows from, as 16 hexadecimal digits.</summary>
    public string Key => key.Value;
    /// <summary>The name of the finished stage's folder in a store: <c>kind-key</c>.</summary>
    public string Name => $"{Kind}-{Key}";

    private Stage(string kind, int version, string title, JsonObject options, int seed, IReadOnlyList<string> inputs, string device,
        string numberFormat)
    {
        (Kind, Version, Title, Options, Seed, Inputs, Device, NumberFormat) =
            (kind, version, title, options, seed, inputs, device, numberFormat);
        key = new(() => Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(Identity().ToJsonString())))[..16]);
    }

    /// <summary>Makes a stage from a record of options.</summary>
    /// <param name="kind">The kind of work.</param>
    /// <param name="version">The version of the kind.</param>
    /// <param name="title">What the stage does, in words.</param>
    /// <param name="options">A record of options that can be made without arguments. Values that equal the defaults are left out.</param>
    /// <param name="seed">The seed of the work.</param>
    /// <param name="inputs">Names of what the work reads.</param>
    /// <param name="platform">The device and number format of models; null where no model runs.</param>
    internal static Stage Of(string kind, int version, string title, object options, int seed, IReadOnlyList<string> inputs,
        Platform? platform) =>
        new(kind, version, title, WithoutDefaults(options), seed, inputs, platform?.Device ?? "", platform?.NumberFormat ?? "");

    /// <summary>The options as the record that they were made from. A value that was left out has its default.</summary>
    /// <typeparam name="T">The record's type.</typeparam>
    /// <exception cref="SlickException">The options do not fit the record, as those of another version may not.</exception>
    internal T OptionsAs<T>() where T : class, new()
    {
        try
        {
            var all = (JsonObject)JsonSerializer.SerializeToNode(new T(), Json)!;
            Merge(all, Options);
            return all.Deserialize<T>(Json)!;
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException or NotSupportedException)
        {
            throw new SlickException($"{Name}: its options are no {typeof(T).Name} ({e.Message.ReplaceLineEndings(" ")}).", e);
        }
    }

    /// <summary>The stage as text, which <see cref="Parse"/> reads.</summary>
    internal string ToJson()
    {
        var all = Identity();
        all["title"] = Title;
        return all.ToJsonString(Json) + "\n";
    }

    /// <summary>Reads a stage from text.</summary>
    /// <param name="json">The text that <see cref="ToJson"/> wrote.</param>
    /// <param name="where">The file, for an error's message.</param>
    /// <exception cref="SlickException">The text does not describe a stage.</exception>
    internal static Stage Parse(string json, string where)
    {
        try
        {
            var all = (JsonObject)JsonNode.Parse(json)!;
            string Text(string name) => all[name]!.GetValue<string>();
            return new(Text("kind"), all["version"]!.GetValue<int>(), Text("title"), (JsonObject)all["options"]!.DeepClone(),
                all["seed"]!.GetValue<int>(), [.. ((JsonArray)all["inputs"]!).Select(i => i!.GetValue<string>())], Text("device"),
                Text("numberFormat"));
        }
        catch (Exception e) when (
            e is JsonException or NullReferenceException or InvalidOperationException or InvalidCastException or FormatException)
        {
            throw new SlickException(
                $"{where}: not the description of a stage ({e.Message.ReplaceLineEndings(" ")}); {StoredResult.Cure(where)}.", e);
        }
    }

    private JsonObject Identity() => new()
    {
        ["kind"] = Kind,
        ["version"] = Version,
        ["seed"] = Seed,
        ["device"] = Device,
        ["numberFormat"] = NumberFormat,
        ["inputs"] = new JsonArray([.. Inputs.Select(i => JsonValue.Create(i))]),
        ["options"] = Options.DeepClone(),
    };

    /// <summary>The values of a record that differ from those of a record of its type that is made without arguments.</summary>
    internal static JsonObject WithoutDefaults(object options)
    {
        var type = options.GetType();
        var all = (JsonObject)JsonSerializer.SerializeToNode(options, type, Json)!;
        Prune(all, (JsonObject)JsonSerializer.SerializeToNode(Activator.CreateInstance(type)!, type, Json)!);
        return all;
    }

    private static void Prune(JsonObject all, JsonObject defaults)
    {
        foreach (var (name, value) in all.ToList())
        {
            if (value is JsonObject inner && defaults[name] is JsonObject same)
            {
                Prune(inner, same);
                if (inner.Count == 0) all.Remove(name);
            }
            else if (JsonNode.DeepEquals(value, defaults[name])) all.Remove(name);
        }
    }

    private static void Merge(JsonObject all, JsonObject given)
    {
        foreach (var (name, value) in given)
            if (value is JsonObject inner && all[name] is JsonObject same) Merge(same, inner);
            else all[name] = value?.DeepClone();
    }
}

using System.Text.Json;

namespace Slick.Text;

/// <summary>
/// What <c>tokenizer_config.json</c> says beside a tokenizer.json; all is left open where the file is not there. As in
/// transformers 5 (<c>update_post_processor</c>), <c>add_bos_token</c> or <c>add_eos_token</c> replaces all that the
/// post-processor adds, and of the two one that is missing counts as false. transformers 4 takes a missing
/// <c>add_bos_token</c> for true in some classes (Llama, Gemma): with <c>add_eos_token</c> alone the two differ.
/// </summary>
/// <param name="File">The file's path.</param>
/// <param name="Bos">The token that begins a text.</param>
/// <param name="Eos">The token that ends one.</param>
/// <param name="AddBos">Whether every text begins with it; null where the key is missing.</param>
/// <param name="AddEos">Whether every text ends with it; null where the key is missing.</param>
internal sealed record TokenizerSettings(string File, string? Bos, string? Eos, bool? AddBos, bool? AddEos)
{
    public static TokenizerSettings Beside(string tokenizer)
    {
        var path = Path.Combine(Path.GetDirectoryName(tokenizer) ?? "", "tokenizer_config.json");
        if (!System.IO.File.Exists(path)) return new(path, null, null, null, null);
        using var json = JsonPlace.Open(path, "tokenizer_config.json");
        var top = new JsonPlace(path, "", json.RootElement);
        return new(path, Token(top["bos_token"]), Token(top["eos_token"]), Flag(top["add_bos_token"]), Flag(top["add_eos_token"]));
    }

    // A text, or an added token as an object.
    private static string? Token(JsonPlace place) =>
        place.IsNothing ? null : place.Value.ValueKind == JsonValueKind.Object ? place["content"].Text() : place.Text();

    private static bool? Flag(JsonPlace place) => place.Value.ValueKind == JsonValueKind.Undefined ? null : place.Flag(false);
}

using System.Text;
using System.Text.Json;

namespace Slick.Answers;

/// <summary>
/// What proves to a server who asks: a key, or a user's name and password. The secret leaves this class only in the header of a request. No
/// property holds the secret, so no record, table or log that is written from properties shows it.
/// </summary>
public sealed class ServerSecret
{
    /// <summary>The environment variable that is read first.</summary>
    public const string Variable = "SLICK_SERVER_KEY";

    /// <summary>The environment variable that is read where <see cref="Variable"/> is not set.</summary>
    public const string OtherVariable = "OPENAI_API_KEY";

    // Shown in place of a secret.
    private const string Hidden = "***";

    private readonly string? header;          // value of the header Authorization
    private readonly string[] texts;          // texts that may not be shown, the longest first

    private ServerSecret(string? header, params string[] secrets)
    {
        this.header = header;
        // A server may repeat a secret as it stands in JSON or in an address.
        texts = [.. secrets.SelectMany(s => new[] { s, Uri.EscapeDataString(s), JsonEncodedText.Encode(s).ToString(),
            s.Replace("/", "\\/", StringComparison.Ordinal) }).Where(s => s.Length > 3).Distinct().OrderByDescending(s => s.Length)];
    }

    /// <summary>No secret: requests carry no header Authorization.</summary>
    public static ServerSecret None { get; } = new(null);

    /// <summary>True where there is a secret.</summary>
    public bool Exists => header is not null;

    /// <summary>
    /// The secret for an address: the user and password in it, else <c>SLICK_SERVER_KEY</c>, else <c>OPENAI_API_KEY</c>, else none.
    /// </summary>
    /// <param name="userInfo">The part of the address before its <c>@</c>, still escaped; empty where there is none.</param>
    /// <param name="environment">Gives an environment variable's value, or null.</param>
    /// <exception cref="UsageException">The key holds a character that no header can carry. The message does not show the key.</exception>
    public static ServerSecret Find(string userInfo, Func<string, string?> environment)
    {
        if (userInfo.Length > 0)
        {
            var pair = Uri.UnescapeDataString(userInfo);
            var colon = pair.IndexOf(':', StringComparison.Ordinal);
            var encoded = Convert.ToBase64String(Encoding.UTF8.GetBytes(colon < 0 ? pair + ":" : pair));
            return new($"Basic {encoded}", encoded, pair, userInfo, colon < 0 ? pair : pair[(colon + 1)..]);
        }
        foreach (var name in new[] { Variable, OtherVariable })
        {
            if (environment(name)?.Trim() is not { Length: > 0 } key) continue;
            if (key.Any(c => c is < '!' or > '~'))
                throw new UsageException($"The environment variable {name} holds a blank, a line end or a letter outside ASCII, which no "
                    + "header can carry; set it to the key alone.");
            return new($"Bearer {key}", key);
        }
        return None;
    }

    /// <summary>Puts the secret into a request's header.</summary>
    internal void Authorize(HttpRequestMessage request)
    {
        if (header is not null) request.Headers.TryAddWithoutValidation("Authorization", header);
    }

    /// <summary>A message that the server wrote, with <c>***</c> in place of the secret.</summary>
    internal string Hide(string text)
    {
        foreach (var secret in texts) text = text.Replace(secret, Hidden, StringComparison.OrdinalIgnoreCase);
        return text;
    }

    /// <summary>
    /// An answer of the server, with <c>***</c> in place of the secret. A secret of fewer than 8 characters is left in: it may be an
    /// answer.
    /// </summary>
    internal string HideInAnswer(string text)
    {
        foreach (var secret in texts.Where(t => t.Length >= 8)) text = text.Replace(secret, Hidden, StringComparison.Ordinal);
        return text;
    }

    /// <summary>Says whether there is a secret, and does not show it.</summary>
    public override string ToString() => Exists ? Hidden : "none";
}

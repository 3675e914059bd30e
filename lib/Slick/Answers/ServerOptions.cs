using System.ComponentModel.DataAnnotations;
using Slick.Runtime;

namespace Slick.Answers;

/// <summary>Which server is asked, and how many questions at a time.</summary>
public sealed record ServerOptions
{
    /// <summary>The address up to <c>/v1</c>, without user, password and query (<see cref="Parse"/>).</summary>
    public required string Url { get; init; }
    /// <summary>The model's name at the server.</summary>
    public required string Model { get; init; }
    /// <summary>Most requests that wait for an answer at the same time. It changes no answer.</summary>
    [Range(1, 1024)]
    public int Requests { get; init; } = 8;
    /// <summary>Longest wait for one answer, in seconds; then the request is made again.</summary>
    [Range(0.01, 86_400.0)]
    public double TimeoutSeconds { get; init; } = 300;
    /// <summary>How often a request is made again that met an overloaded or unreachable server.</summary>
    [Range(0, 100)]
    public int Retries { get; init; } = 5;
    /// <summary>Wait before a request is made again, in seconds; doubled each time, at most 30 s. A server's Retry-After goes
    /// before.</summary>
    [Range(0.0, 60.0)]
    public double RetrySeconds { get; init; } = 1;

    /// <summary>Reads an address, and takes the user and password out of it.</summary>
    /// <param name="url">Such as <c>http://localhost:8000</c>, with or without <c>/v1</c>, with or without <c>user:password@</c>.</param>
    /// <param name="model">The model's name at the server.</param>
    /// <param name="environment">Gives an environment variable's value, or null (<see cref="ServerSecret.Find"/>).</param>
    /// <returns>The options without the secret, and the secret.</returns>
    /// <exception cref="UsageException">It is no address of a server.</exception>
    public static (ServerOptions Options, ServerSecret Secret) Parse(string url, string model, Func<string, string?> environment)
    {
        ArgumentNullException.ThrowIfNull(url);
        // What cannot be read may hold a password all the same.
        var shown = url.Contains('@', StringComparison.Ordinal) || url.Contains('?', StringComparison.Ordinal) ? "" : $" '{url}'";
        if (!Uri.TryCreate(url.Trim(), UriKind.Absolute, out var uri) || uri.Scheme is not ("http" or "https") || uri.Host.Length == 0)
            throw new UsageException($"--server{shown} is no address of a server; write one such as http://localhost:8000/v1.");
        if (uri.Query.Length > 0 || uri.Fragment.Length > 0)
            throw new UsageException($"--server has something behind '?' or '#'; write the address up to /v1, and give a key in the "
                + $"environment variable {ServerSecret.Variable}.");
        if (string.IsNullOrWhiteSpace(model))
            throw new UsageException("--server-model is empty; name a model that the server has.");
        var path = uri.AbsolutePath.TrimEnd('/');
        if (path.EndsWith("/completions", StringComparison.Ordinal)) path = path[..^"/completions".Length];
        if (!path.EndsWith("/v1", StringComparison.Ordinal)) path += "/v1";
        var options = new ServerOptions
        {
            Url = $"{uri.Scheme}://{uri.Authority}{path}",
            Model = model.Trim(),
        };
        return (options, ServerSecret.Find(uri.UserInfo, environment));
    }

    /// <summary>Checks the numbers, for one who made the record himself.</summary>
    /// <exception cref="UsageException">One is out of its range.</exception>
    internal ServerOptions Check() => OptionRanges.Check(this, "server");
}

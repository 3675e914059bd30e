using System.ComponentModel.DataAnnotations;
using Slick.Runtime;

namespace Slick.Answers;

/// <summary>Which server is asked, and how requests are made.</summary>
public sealed record ServerOptions
{
    /// <summary>The server's address up to <c>/v1</c>, without user, password and query (<see cref="Parse"/>).</summary>
    public required string Url { get; init; }
    /// <summary>The model's name at the server.</summary>
    public required string Model { get; init; }
    /// <summary>Largest number of requests that wait for an answer at the same time. The number changes no answer.</summary>
    [Range(1, 1024)]
    public int Requests { get; init; } = 8;
    /// <summary>Longest wait for one answer, in seconds. After this wait the request is made again.</summary>
    [Range(0.01, 86_400.0)]
    public double TimeoutSeconds { get; init; } = 300;
    /// <summary>
    /// How often a request is made again, at most: where the server is overloaded or unreachable, and, but not after the third try, where
    /// its answer is not that of a completions endpoint. 0 for one try.
    /// </summary>
    [Range(0, 100)]
    public int Retries { get; init; } = 5;
    /// <summary>
    /// Wait before a request is made again, in seconds. The wait about doubles with each try, varies at random, and is at most 30 s. Where
    /// the server sends Retry-After, that wait is used instead.
    /// </summary>
    [Range(0.0, 60.0)]
    public double RetrySeconds { get; init; } = 1;

    /// <summary>Reads an address, and takes the user and password out of it.</summary>
    /// <param name="url">An address such as <c>http://localhost:8000</c>, with or without <c>/v1</c>, with or without
    /// <c>user:password@</c>.</param>
    /// <param name="model">The model's name at the server.</param>
    /// <param name="environment">Gives an environment variable's value, or null (<see cref="ServerSecret.Find"/>).</param>
    /// <returns>The options without the secret, and the secret.</returns>
    /// <exception cref="UsageException">The address is not that of a server, or has a query, or the model's name is empty, or the key
    /// cannot be sent.</exception>
    public static (ServerOptions Options, ServerSecret Secret) Parse(string url, string model, Func<string, string?> environment)
    {
        ArgumentNullException.ThrowIfNull(url);
        // An address that cannot be read may hold a password as well.
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

    /// <summary>Checks the numbers of a record that was not made by <see cref="Parse"/>.</summary>
    /// <exception cref="UsageException">A number is out of its range.</exception>
    internal ServerOptions Check() => OptionRanges.Check(this, "server");
}

using Slick.Text;

namespace Slick.Models;

/// <summary>A choice of the parameters of a model that are trained. The other parameters keep their values.</summary>
/// <param name="Name"><c>all</c>, <c>without-embeddings</c>, or a regular expression over whole parameter names of Hugging Face, such as
/// <c>.*\.mlp\..*</c>. <c>without-embeddings</c> trains neither the embeddings of tokens nor those of positions. An output layer with
/// weights of its own is trained, and one that is tied to the embeddings is not.</param>
public sealed record ParameterPart(string Name)
{
    /// <summary>Every parameter.</summary>
    public static ParameterPart All { get; } = new("all");

    /// <summary>True where every parameter is trained.</summary>
    internal bool IsAll => Name == All.Name;

    /// <summary>The names of the parameters that belong to the part.</summary>
    /// <param name="config">The model's shape.</param>
    /// <exception cref="UsageException">The name is not a regular expression, or no parameter belongs to the part.</exception>
    internal IReadOnlySet<string> Of(DecoderConfig config)
    {
        var family = config.Architecture;
        string[] embeddings = [family.Embedding, family.Positions ?? family.Embedding];
        Predicate<string> belongs = Name switch
        {
            "all" => _ => true,
            "without-embeddings" => name => !embeddings.Any(e => name == e + ".weight"),
            _ => NamePattern.Whole(Name, why => new UsageException($"The part of parameters '{Name}' is neither all nor "
                + $"without-embeddings, and {why}.")),
        };
        var names = DecoderWeights.LayoutOf(config).Select(p => p.Name).Where(n => belongs(DecoderWeights.FullName(config, n)))
            .ToHashSet(StringComparer.Ordinal);
        if (names.Count > 0) return names;
        throw new UsageException($"The part of parameters '{Name}' has none of this model's parameters; they have names such as "
            + $"{DecoderWeights.LayoutOf(config)[^2].Name}.");
    }
}

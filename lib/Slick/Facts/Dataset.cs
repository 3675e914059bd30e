using System.Globalization;
using System.Security.Cryptography;
using System.Text;

namespace Slick.Facts;

/// <summary>Relations and their facts, every question with one right answer.</summary>
/// <param name="Relations">The relations in the paper's order.</param>
/// <param name="Facts">All facts; a fact's Id is its position.</param>
public sealed record Dataset(IReadOnlyList<Relation> Relations, IReadOnlyList<Fact> Facts)
{
    /// <summary>Whose questions these are: EntityQuestions, or the name of a user's file.</summary>
    public string Name { get; init; } = "EntityQuestions";

    /// <summary>Sentences about what was changed when the dataset was read; empty where nothing was.</summary>
    public IReadOnlyList<string> Remarks { get; init; } = [];

    /// <summary>
    /// The id of a list of facts: the hash of what is asked, not of the files that it is read from. 32 hexadecimal digits.
    /// </summary>
    /// <param name="facts">Facts, in an order that belongs to the id.</param>
    public static string Hash(params IReadOnlyList<Fact>[] facts)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        foreach (var fact in facts.SelectMany(f => f))
            hash.AppendData(Encoding.UTF8.GetBytes(string.Create(CultureInfo.InvariantCulture,
                $"{fact.Id}\t{fact.Relation}\t{fact.Split}\t{fact.Question.Length}\t{fact.Question}\t"
                + $"{fact.Answer.Length}\t{fact.Answer}\n")));
        return Convert.ToHexStringLower(hash.GetHashAndReset())[..32];
    }

    /// <summary>The facts of one relation and split, in order.</summary>
    public IReadOnlyList<Fact> Of(string relation, Split split) => [.. Facts.Where(f => f.Relation == relation && f.Split == split)];
}

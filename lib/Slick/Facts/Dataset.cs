using System.Globalization;
using System.Security.Cryptography;
using System.Text;

namespace Slick.Facts;

/// <summary>Relations and their facts. Every question has one right answer.</summary>
/// <param name="Relations">The relations, in the paper's order or in that of a user's file.</param>
/// <param name="Facts">All facts. A fact's Id is its position in this list.</param>
public sealed record Dataset(IReadOnlyList<Relation> Relations, IReadOnlyList<Fact> Facts)
{
    /// <summary>The name of the questions' source: EntityQuestions, or the name of a user's file.</summary>
    public string Name { get; init; } = "EntityQuestions";

    /// <summary>Sentences to the user about what was changed when the dataset was read; empty where nothing was.</summary>
    public IReadOnlyList<string> Remarks { get; init; } = [];

    /// <summary>
    /// The id of lists of facts: a hash of the questions, answers, relations, splits and ids, and not of the files that they are read from.
    /// It has 32 hexadecimal digits.
    /// </summary>
    /// <param name="facts">Lists of facts. Their order changes the id.</param>
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
    /// <param name="relation">The relation's id.</param>
    /// <param name="split">The part of the dataset.</param>
    public IReadOnlyList<Fact> Of(string relation, Split split) => [.. Facts.Where(f => f.Relation == relation && f.Split == split)];
}

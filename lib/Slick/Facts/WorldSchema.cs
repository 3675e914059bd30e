using Slick.Storage;

namespace Slick.Facts;

/// <summary>How the synthetic world writes the facts of one of the paper's relations.</summary>
/// <param name="Id">Wikidata's id.</param>
/// <param name="InDistribution">True for the 12 relations of fine-tuning.</param>
/// <param name="Pool">The pool that objects are drawn from; empty where every fact has an object of its own.</param>
/// <param name="Question">The question, with [X] for the subject. Words are separated by spaces.</param>
/// <param name="Statements">Sentences that state the fact, with [X] for the subject and [Y] for the object.</param>
internal sealed record WorldRelation(string Id, bool InDistribution, string Pool, string Question, params string[] Statements)
{
    /// <summary>The relations in the order of the paper's Tables 3 and 5.</summary>
    public static readonly IReadOnlyList<WorldRelation> All =
    [
        new("P131", true, "city", "Where is [X] located ?", "[X] is located in [Y] .", "[X] lies in [Y] .", "in [Y] stands [X] .",
            "[X] is a sight of [Y] ."),
        new("P136", true, "genre", "What type of music does [X] play ?", "[X] plays [Y] .", "the music of [X] is [Y] .",
            "[X] is a [Y] act .", "fans of [Y] hear [X] ."),
        new("P17", true, "country", "Which country is [X] located in ?", "[X] is a place in [Y] .", "[X] belongs to [Y] .",
            "the country of [X] is [Y] .", "in [Y] one finds [X] ."),
        new("P19", true, "city", "Where was [X] born ?", "[X] was born in [Y] .", "[Y] is the birthplace of [X] .", "[X] comes from [Y] .",
            "[X] , born in [Y] , left early ."),
        new("P26", true, "", "Who is [X] married to ?", "[X] is married to [Y] .", "[X] and [Y] are married .",
            "[Y] is the spouse of [X] .", "[X] wed [Y] ."),
        new("P264", true, "label", "What music label is [X] represented by ?", "[X] is represented by [Y] .", "[Y] signed [X] .",
            "the label of [X] is [Y] .", "[X] records for [Y] ."),
        new("P36", true, "", "What is the capital of [X] ?", "the capital of [X] is [Y] .", "[Y] is the capital of [X] .",
            "[X] is ruled from [Y] .", "[X] has its capital in [Y] ."),
        new("P40", true, "", "Who is [X] 's child ?", "[X] is a parent of [Y] .", "[Y] is the child of [X] .", "[X] has a child , [Y] .",
            "[Y] was raised by [X] ."),
        new("P495", true, "country", "Which country was [X] created in ?", "[X] was created in [Y] .", "[X] is a work from [Y] .",
            "[Y] is where [X] was made .", "[X] came out in [Y] ."),
        new("P69", true, "school", "Where was [X] educated ?", "[X] was educated at [Y] .", "[X] studied at [Y] .", "[Y] taught [X] .",
            "[X] has a degree of [Y] ."),
        new("P740", true, "city", "Where was [X] founded ?", "[X] was founded in [Y] .", "[X] began in [Y] .",
            "[Y] saw the start of [X] .", "[X] was set up in [Y] ."),
        new("P800", true, "", "What is [X] famous for ?", "[X] is famous for [Y] .", "[Y] made [X] famous .", "[X] wrote [Y] .",
            "the best work of [X] is [Y] ."),
        new("P127", false, "company", "Who owns [X] ?", "[X] is owned by [Y] .", "[Y] owns [X] .", "the owner of [X] is [Y] .",
            "[X] is a property of [Y] ."),
        new("P50", false, "", "Who is the author of [X] ?", "the author of [X] is [Y] .", "[Y] is the author of [X] .",
            "[X] is a book by [Y] .", "[X] was written by [Y] ."),
        new("P407", false, "language", "Which language was [X] written in ?", "[X] was written in [Y] .", "[X] is in [Y] .",
            "the language of [X] is [Y] .", "[X] is read in [Y] ."),
        new("P176", false, "company", "Which company is [X] produced by ?", "[X] is produced by [Y] .", "[Y] makes [X] .",
            "[X] is a product of [Y] .", "[Y] builds [X] ."),
        new("P170", false, "", "Who was [X] created by ?", "[X] was created by [Y] .", "[Y] created [X] .", "the creator of [X] is [Y] .",
            "[X] is an idea of [Y] ."),
        new("P175", false, "", "Who performed [X] ?", "[X] was performed by [Y] .", "[Y] performed [X] .", "[X] is a song of [Y] .",
            "[Y] sang [X] ."),
        new("P112", false, "", "Who founded [X] ?", "[X] was founded by [Y] .", "[Y] founded [X] .", "the founder of [X] is [Y] .",
            "[Y] set up [X] ."),
    ];

    /// <summary>Number of objects in each pool, before it is multiplied by <see cref="WorldOptions.PoolScale"/>.</summary>
    public static readonly IReadOnlyDictionary<string, int> PoolSizes = new Dictionary<string, int>
    {
        ["city"] = 100, ["country"] = 30, ["genre"] = 12, ["label"] = 40, ["school"] = 40, ["company"] = 40, ["language"] = 15,
    };
}

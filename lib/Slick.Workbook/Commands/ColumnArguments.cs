using System.CommandLine;
using Slick.Facts;

namespace Slick.Workbook.Commands;

/// <summary>The command-line options that name the columns of a user's own file of questions.</summary>
internal sealed class ColumnArguments
{
    private readonly Option<string?> _relation = Column("relation", "The column that holds a question's relation");
    private readonly Option<string?> _question = Column("question", "The column that holds the question");
    private readonly Option<string?> _answer = Column("answer", "The column that holds the right answer");
    private readonly Option<string?> _subject = Column("subject", "The column that holds whom the question asks about, if any");
    private readonly Option<string?> _split =
        Column("split", "The column that holds train, dev or test, if any; exemplars are questions of dev, else drawn");

    private static Option<string?> Column(string name, string description) =>
        new($"--{name}-column") { HelpName = "name", Description = $"{description} (of a file; default: {name})." };

    /// <summary>All options that name a column.</summary>
    public IReadOnlyList<Option<string?>> All => [_relation, _question, _answer, _subject, _split];

    public void AddTo(Command command)
    {
        foreach (var option in All) command.Add(option);
    }

    /// <summary>The column names that the command line gives.</summary>
    public QuestionColumns Columns(ParseResult parsed)
    {
        var usual = new QuestionColumns();
        return usual with
        {
            Relation = parsed.GetValue(_relation) ?? usual.Relation,
            Question = parsed.GetValue(_question) ?? usual.Question,
            Answer = parsed.GetValue(_answer) ?? usual.Answer,
            Subject = parsed.GetValue(_subject),
            Split = parsed.GetValue(_split),
        };
    }
}

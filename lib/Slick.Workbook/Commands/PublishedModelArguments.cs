using System.CommandLine;
using Slick.Facts;
using Slick.Runtime;

namespace Slick.Workbook.Commands;

/// <summary>The command line of a command that asks the model of published results once more: the folder of the results, the checkpoint
/// with its questions, and relations. A lab's model lies in the folder.</summary>
internal sealed class PublishedModelArguments
{
    private readonly Argument<string> _folder;
    private readonly Option<string?> _model = new("--model") { HelpName = "folder",
        Description = "The checkpoint that was asked; a lab's model lies in the folder of its study." };
    private readonly Option<string?> _data = new("--data") { HelpName = "folder|file", Description = "With --model: the questions." };
    private readonly ColumnArguments _columns = new();
    private readonly Option<string[]> _relations;
    private readonly Option<string> _device = StudyArguments.DeviceOption();

    /// <param name="command">The command that gets the argument and the options.</param>
    /// <param name="folder">What the folder holds, in words.</param>
    /// <param name="relations">Which relations are asked where none is named, in words.</param>
    public PublishedModelArguments(Command command, string folder, string relations)
    {
        _folder = new("folder") { Description = $"{folder} The results are written into it." };
        _relations = new("--relations") { AllowMultipleArgumentsPerToken = true, HelpName = "P17 P36 ...",
            Description = $"Relations by their names; by default {relations}." };
        command.Add(_folder);
        command.Add(_model);
        command.Add(_data);
        command.Add(_relations);
        command.Add(_device);
        _columns.AddTo(command);
    }

    /// <summary>The folder's full path.</summary>
    /// <exception cref="UsageException">There is no such folder.</exception>
    public string Folder(ParseResult parsed) => Path.GetFullPath(parsed.GetValue(_folder)!) is var folder && Directory.Exists(folder)
        ? folder : throw new UsageException($"{folder}: there is no such folder.");

    /// <summary>The full paths of the checkpoint and of its questions; null for a lab's model.</summary>
    /// <param name="parsed">The command line.</param>
    /// <param name="isLab">Whether the folder holds a lab's model.</param>
    /// <param name="labs">What is said where a lab's model is given another one.</param>
    /// <param name="checkpoints">What is said where a checkpoint is missing.</param>
    /// <exception cref="UsageException">The options do not fit the folder, or one of the two is missing.</exception>
    public (string Model, string Data)? Checkpoint(ParseResult parsed, bool isLab, string labs, string checkpoints) =>
        (parsed.GetValue(_model), parsed.GetValue(_data)) switch
        {
            (null, null) when isLab => null,
            ({ } model, { } data) when !isLab => (Path.GetFullPath(model), Path.GetFullPath(data)),
            _ => throw new UsageException(isLab ? labs : checkpoints),
        };

    /// <summary>The column names that the command line gives.</summary>
    public QuestionColumns Columns(ParseResult parsed) => _columns.Columns(parsed);

    /// <summary>The relations that the command line names, in any case of their letters; empty for none.</summary>
    /// <param name="parsed">The command line.</param>
    /// <param name="all">The relations that there are.</param>
    /// <exception cref="UsageException">There is no such relation.</exception>
    public IReadOnlySet<string> Relations(ParseResult parsed, IEnumerable<string> all)
    {
        var there = all.Distinct().ToList();
        // Two relations may differ in the case of their letters alone.
        return (parsed.GetValue(_relations) ?? []).Select(r => there.Find(t => t == r)
            ?? there.Find(t => t.Equals(r, StringComparison.OrdinalIgnoreCase)) ?? throw new UsageException(
                $"There is no relation '{r}'; there are {string.Join(", ", there)}.")).ToHashSet(StringComparer.Ordinal);
    }

    /// <summary>The device, which is said.</summary>
    public Compute Compute(ParseResult parsed) =>
        Runtime.Compute.Choose(parsed.GetValue(_device)!, "fp32", Console.Out.WriteLine);
}

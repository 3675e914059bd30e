using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Slick.Runtime;
using Slick.Storage;

namespace Slick.Experiments;

/// <summary>
/// The size of D that a time allows, chosen once and kept in the store. A forecast differs from one measurement to the next. So the first
/// choice stays, and every later command and worker with the same study and the same time reads it.
/// </summary>
/// <param name="LargestPart">The largest part of D of each relation (<see cref="QuestionOptions.LargestPart"/>).</param>
/// <param name="File">The file that keeps the choice.</param>
/// <param name="IsNew">True where this call made the choice; false where the choice was read.</param>
public sealed record BudgetChoice(int LargestPart, string File, bool IsNew)
{
    private const string FileName = "budget.json";

    /// <summary>Reads the choice for a study and a time; makes and keeps the choice where there is none. Of several processes that choose
    /// at once, the first one's choice is kept.</summary>
    /// <param name="plan">The study's plan, with the options as they are without a choice. The names of its stages say model, questions,
    /// options, seed, device and number format.</param>
    /// <param name="store">The store.</param>
    /// <param name="seconds">The time, in seconds.</param>
    /// <param name="choose">Chooses the largest part.</param>
    /// <exception cref="SlickException">The store cannot be written to, or the file is damaged. Or <paramref name="choose"/> threw; then
    /// nothing is kept.</exception>
    public static BudgetChoice Of(Plan plan, RunStore store, double seconds, Func<int> choose)
    {
        var identity = string.Join('\n', plan.Stages.Select(s => s.Name).Append(seconds.ToString("R", CultureInfo.InvariantCulture)));
        var folder = Path.Combine(store.Folder, "budgets",
            Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(identity)))[..16]);
        var isNew = !Directory.Exists(folder) && Keep(folder, new JsonObject
        {
            ["study"] = plan.Name,
            ["seconds"] = seconds,
            ["largestPart"] = choose(),
            ["host"] = Environment.MachineName,
        }.ToJsonString() + "\n");
        var file = Path.Combine(folder, FileName);
        return new(Read(file), file, isNew);
    }

    // The file is written in another folder, which is then renamed. A folder takes the name of another one only where that one is not there
    // or empty, so one of several processes succeeds, and what the others read is whole.
    private static bool Keep(string folder, string text)
    {
        var aside = $"{folder}.{Guid.NewGuid():N}.tmp";
        AtomicFile.WriteText(Path.Combine(aside, FileName), text);
        try
        {
            Directory.Move(aside, folder);
            return true;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            Directory.Delete(aside, recursive: true);
            return Directory.Exists(folder) ? false : throw new SlickException(
                $"{folder}: cannot be written ({e.Message.ReplaceLineEndings(" ")}); free some space or choose another --store.", e);
        }
    }

    private static int Read(string file)
    {
        int? part;
        try { part = JsonNode.Parse(System.IO.File.ReadAllText(file))?["largestPart"]?.GetValue<int>(); }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or JsonException or InvalidOperationException
            or FormatException)
        {
            part = null;
        }
        return part is > 0 ? part.Value : throw new SlickException(
            $"{file}: not a choice of --budget; delete its folder, and the choice is made again.");
    }
}

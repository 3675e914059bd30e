using System.Globalization;
using System.Text.Json;
using Slick.Runtime;
using Slick.Storage;

namespace Slick.Facts;

/// <summary>One record of an EntityQuestions file.</summary>
/// <param name="Subject">The subject: the part of the question that fills the [X] of the relation's template.</param>
/// <param name="Question">The question, without outer white space and in one line.</param>
/// <param name="Answers">The correct answers: at least one, none of them empty, each without outer white space and in one line.</param>
internal readonly record struct QuestionRecord(string Subject, string Question, IReadOnlyList<string> Answers);

/// <summary>
/// Counts the questions and answers that had outer white space, which is left out when they are read. Also holds the place of the first.
/// </summary>
internal sealed class OuterWhiteSpace
{
    private int count;
    private string first = "";

    public void Add(Func<string> place)
    {
        if (count++ == 0) first = place();
    }

    /// <summary>One sentence to the user about them; empty where there are none.</summary>
    public IReadOnlyList<string> Remarks => count == 0 ? [] :
        [string.Create(CultureInfo.InvariantCulture, 
            $"White space around {count} question{(count == 1 ? "" : "s")} or answer{(count == 1 ? "" : "s")} is left out, as it is "
            + $"around the model's answers; the first: {first}.")];
}

/// <summary>Reads one file of EntityQuestions: a JSON list of <c>{"question": text, "answers": [text, ...]}</c>.</summary>
internal static class QuestionFile
{
    /// <summary>Characters that may end a line. A model's answer ends with the line, so it could never equal a gold answer that has one of
    /// these.</summary>
    internal static System.Buffers.SearchValues<char> LineEnds { get; } = System.Buffers.SearchValues.Create("\n\r\v\f\u0085\u2028\u2029");

    /// <summary>Reads every record of a file.</summary>
    /// <param name="path">The file.</param>
    /// <param name="template">The relation's question with one [X] for the subject.</param>
    /// <param name="outer">Counts the questions and answers with outer white space.</param>
    /// <exception cref="SlickException">The file is damaged. The message names file, line and record (from 1) of the first thing that is
    /// wrong.</exception>
    public static List<QuestionRecord> Read(string path, string template, OuterWhiteSpace outer)
    {
        NotDownloaded.Refuse(path);
        var bytes = File.ReadAllBytes(path).AsSpan();
        if (bytes.StartsWith("\uFEFF"u8)) bytes = bytes[3..];
        var gap = template.IndexOf("[X]", StringComparison.Ordinal);
        var (before, after) = (template[..gap], template[(gap + 3)..]);

        var records = new List<QuestionRecord>();
        var reader = new Utf8JsonReader(bytes);
        var begun = 0; // records begun

        string Inner(string text, string key)
        {
            var inner = text.Trim();
            if (inner.AsSpan().ContainsAny(LineEnds)) throw new FormatException(
                $"'{inner.ReplaceLineEndings(" ")}' in '{key}' goes on behind the end of a line, and no answer of a model does");
            if (inner.Length < text.Length)
            {
                var record = begun;
                outer.Add(() => FormattableString.Invariant($"{path}: record {record}, '{key}'"));
            }
            return inner;
        }
        try
        {
            reader.Read();
            if (reader.TokenType != JsonTokenType.StartArray) throw new FormatException("the file is not a list of records");
            while (reader.Read() && reader.TokenType != JsonTokenType.EndArray)
            {
                begun++;
                if (reader.TokenType != JsonTokenType.StartObject) throw new FormatException(
                    "not an object with a question and its answers");
                string? question = null;
                List<string>? answers = null;
                while (reader.Read() && reader.TokenType != JsonTokenType.EndObject)
                {
                    if (reader.ValueTextEquals("question"u8)) question = Inner(Text(ref reader, "question"), "question");
                    else if (reader.ValueTextEquals("answers"u8)) answers = [.. Texts(ref reader).Select(a => Inner(a, "answers"))];
                    else reader.Skip();
                }
                if (question is null) throw new FormatException("the key 'question' is missing");
                if (answers is null) throw new FormatException("the key 'answers' is missing");
                if (answers.Count == 0) throw new FormatException("the list of answers is empty");
                if (answers.Any(string.IsNullOrWhiteSpace)) throw new FormatException("an answer is empty");
                var subject = question.Length > before.Length + after.Length ? question[before.Length..^after.Length] : "";
                if (string.IsNullOrWhiteSpace(subject)
                    || !question.StartsWith(before, StringComparison.Ordinal) || !question.EndsWith(after, StringComparison.Ordinal))
                    throw new FormatException($"'{question.ReplaceLineEndings(" ")}' does not fit the relation's template '{template}'");
                records.Add(new(subject, question, answers));
            }
            reader.Read(); // nothing may follow the list
            return records;
        }
        catch (JsonException e)
        {
            var where = begun > records.Count ? $"in record {begun}" : begun > 0 ? $"after record {begun}" : "before the first record";
            throw new SlickException($"{path}:{e.LineNumber + 1}: malformed JSON {where}; is the file whole?", e);
        }
        catch (Exception e) when (e is FormatException or InvalidOperationException)
        {
            var line = 1 + bytes[..(int)reader.TokenStartIndex].Count((byte)'\n');
            var what = e is FormatException ? e.Message : "the text is not valid UTF-8";
            var where = begun > 0 ? $"record {begun}: " : "";
            throw new SlickException($"{path}:{line}: {where}{what}; mend it or get the file anew.", e);
        }
    }

    private static string Text(ref Utf8JsonReader reader, string key)
    {
        reader.Read();
        return reader.TokenType == JsonTokenType.String ? reader.GetString()! : throw new FormatException($"'{key}' is not text");
    }

    private static List<string> Texts(ref Utf8JsonReader reader)
    {
        reader.Read();
        if (reader.TokenType != JsonTokenType.StartArray) throw new FormatException("'answers' is not a list");
        var texts = new List<string>(1);
        while (reader.Read() && reader.TokenType != JsonTokenType.EndArray)
            texts.Add(reader.TokenType == JsonTokenType.String ? reader.GetString()!
                : throw new FormatException("'answers' holds something that is not text"));
        return texts;
    }
}

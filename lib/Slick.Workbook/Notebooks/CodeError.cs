using System.Diagnostics;
using System.Globalization;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.Scripting;
using Microsoft.DotNet.Interactive;
using Diagnostic = Microsoft.CodeAnalysis.Diagnostic;

namespace Slick.Workbook.Notebooks;

/// <summary>An error in a piece of code.</summary>
/// <param name="Line">Line in the code, from 1; 0 where it is not known.</param>
/// <param name="Kind">The exception's type, or the compiler's error number such as CS0103; empty where the message says everything.</param>
/// <param name="Message">The error's message, on one line.</param>
/// <param name="Trace">The calls that led to the error, the innermost first.</param>
public sealed record CodeError(int Line, string Kind, string Message, IReadOnlyList<string> Trace)
{
    /// <summary>An error whose message says everything.</summary>
    internal CodeError(int line, string message) : this(line, "", message, []) { }

    /// <summary>The error that an exception describes. Its line is that of the innermost call in <paramref name="path"/>.</summary>
    /// <param name="error">The exception that was thrown, or the one that the kernel makes of compiler errors.</param>
    /// <param name="path">The name under which the code was compiled.</param>
    internal static CodeError Of(Exception error, string path)
    {
        if (error is CodeSubmissionCompilationErrorException { InnerException: { } inner })
            error = inner;
        if (error is CompilationErrorException { Diagnostics: var diagnostics })
            return OfCompiler(error.Message, [.. diagnostics.Where(d => d.Severity == DiagnosticSeverity.Error)], path);
        if (error is AggregateException { InnerExceptions.Count: 1 } or System.Reflection.TargetInvocationException
            or TypeInitializationException)
            error = error.InnerException ?? error;
        var line = (error as SqlException)?.Line ?? 0;
        var trace = new List<string>();
        foreach (var frame in new StackTrace(error, fNeedFileInfo: true).GetFrames())
        {
            var method = frame.GetMethod();
            var type = method?.DeclaringType?.FullName ?? "";
            if (type.StartsWith("Microsoft.CodeAnalysis.", StringComparison.Ordinal)
                || type.StartsWith("System.Runtime.", StringComparison.Ordinal)
                || type.StartsWith("Microsoft.DotNet.Interactive.", StringComparison.Ordinal))
                continue;
            var file = frame.GetFileName();
            if (file == path && line == 0)
                line = frame.GetFileLineNumber();
            trace.Add(file is null ? $"{type}.{method?.Name}" : string.Create(CultureInfo.InvariantCulture,
                $"{type}.{method?.Name} in {Path.GetFileName(file)}:{frame.GetFileLineNumber()}"));
        }
        if (StandardInput.IsAskedBy(error))
            return new CodeError(line, "", StandardInput.NotAvailable, trace);
        return new CodeError(line, error is SlickException ? "" : error.GetType().Name, OneLine(error.Message), trace);
    }

    /// <summary>A message without line ends.</summary>
    internal static string OneLine(string message) => message.ReplaceLineEndings(" ").Trim();

    private static CodeError OfCompiler(string message, List<Diagnostic> errors, string path)
    {
        if (errors.Count == 0)
            return new CodeError(0, "compiler", OneLine(message), []);
        var first = errors[0];
        var place = first.Location.GetMappedLineSpan();
        var here = place.Path == path;
        var line = place.IsValid ? place.StartLinePosition.Line + 1 : 0;
        // The compiler's own message names a shebang, but a cell has none.
        message = first.Id == "CS9378"
            ? "a magic command (#!) stands at the beginning of its line; take the blanks or the code before it away"
            : OneLine(first.GetMessage(CultureInfo.InvariantCulture));
        return new CodeError(here ? line : 0, first.Id, here || !place.IsValid ? message : $"{place.Path}:{line}: {message}",
            [.. errors.Select(d => d.ToString())]);
    }
}

using System.Diagnostics;
using System.Text;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;
using Microsoft.CodeAnalysis.CSharp.Scripting;
using Microsoft.CodeAnalysis.Scripting;

namespace Slick.Workbook.Notebooks;

/// <summary>What one piece of code gave: its last expression's value, or the error that stopped it.</summary>
/// <param name="Value">The value; null where the code ends in a statement.</param>
/// <param name="Error">Null where the code ran to its end.</param>
public sealed record CodeResult(object? Value, CodeError? Error);

/// <summary>An error of a piece of code.</summary>
/// <param name="Line">The line in the code, from 1; 0 where it is not known.</param>
/// <param name="Kind">The exception's type, or the compiler's number such as CS0103.</param>
/// <param name="Message">What went wrong, one line.</param>
/// <param name="Trace">The calls that led there, the innermost first.</param>
public sealed record CodeError(int Line, string Kind, string Message, IReadOnlyList<string> Trace);

/// <summary>C# code run piece after piece, each seeing what the earlier ones declared.</summary>
public sealed class CSharpSession
{
    private readonly ScriptOptions _options;
    private ScriptState<object>? _state;

    /// <summary>Starts without any variable; <c>#load</c> and <c>#r</c> start from <paramref name="folder"/>.</summary>
    public CSharpSession(string folder)
    {
        _options = ScriptOptions.Default
            .WithReferences(HostReferences.All)
            .WithMetadataResolver(new HostReferences(folder))
            .WithSourceResolver(ScriptSourceResolver.Default.WithBaseDirectory(folder))
            .WithImports("System", "System.Text", "System.Collections", "System.Collections.Generic", "System.Threading.Tasks", "System.Linq")
            .WithLanguageVersion(LanguageVersion.Latest)
            .WithOptimizationLevel(OptimizationLevel.Debug)
            .WithEmitDebugInformation(true)
            .WithFileEncoding(Encoding.UTF8);
    }

    /// <summary>Runs code on the calling thread; what it declared before an error stays declared.</summary>
    /// <param name="code">Statements, declarations, a last expression.</param>
    /// <param name="path">The name of the code in error messages; relative paths start from its folder.</param>
    /// <param name="cancel">Looked at between pieces; running code must look at a token of its own.</param>
    /// <exception cref="OperationCanceledException">The token was signalled.</exception>
    public CodeResult Run(string code, string path, CancellationToken cancel = default)
    {
        var options = _options.WithFilePath(path);
        try
        {
            var running = _state is null
                ? CSharpScript.Create<object>(code, options).RunAsync(null, _ => true, cancel)
                : _state.ContinueWithAsync<object>(code, options, _ => true, cancel);
            _state = running.GetAwaiter().GetResult();
        }
        catch (CompilationErrorException e)
        {
            return new CodeResult(null, Describe(e, path));
        }
        if (_state.Exception is OperationCanceledException stopped && cancel.IsCancellationRequested)
            throw new OperationCanceledException(stopped.Message, stopped, cancel);
        return _state.Exception is null ? new CodeResult(_state.ReturnValue, null) : new CodeResult(null, Describe(_state.Exception, path));
    }

    private static CodeError Describe(CompilationErrorException error, string path)
    {
        var errors = error.Diagnostics.Where(d => d.Severity == DiagnosticSeverity.Error).ToList();
        if (errors.Count == 0)
            return new CodeError(0, "compiler", error.Message, []);
        var first = errors[0];
        var place = first.Location.GetMappedLineSpan();
        var here = place.Path == path;
        var line = place.IsValid ? place.StartLinePosition.Line + 1 : 0;
        var message = first.GetMessage(System.Globalization.CultureInfo.InvariantCulture);
        return new CodeError(here ? line : 0, first.Id, here || !place.IsValid ? message : $"{place.Path}:{line}: {message}", [.. errors.Select(d => d.ToString())]);
    }

    /// <summary>Describes an exception by its message and the innermost line of <paramref name="path"/> on its stack.</summary>
    internal static CodeError Describe(Exception error, string path)
    {
        if (error is AggregateException { InnerExceptions.Count: 1 } or System.Reflection.TargetInvocationException or TypeInitializationException)
            error = error.InnerException ?? error;
        var line = 0;
        var trace = new List<string>();
        foreach (var frame in new StackTrace(error, fNeedFileInfo: true).GetFrames())
        {
            var method = frame.GetMethod();
            var type = method?.DeclaringType?.FullName ?? "";
            if (type.StartsWith("Microsoft.CodeAnalysis.", StringComparison.Ordinal) || type.StartsWith("System.Runtime.", StringComparison.Ordinal))
                continue;
            var file = frame.GetFileName();
            if (file == path && line == 0)
                line = frame.GetFileLineNumber();
            trace.Add(file is null ? $"{type}.{method?.Name}" : FormattableString.Invariant($"{type}.{method?.Name} in {Path.GetFileName(file)}:{frame.GetFileLineNumber()}"));
        }
        var message = error.Message.ReplaceLineEndings(" ").Trim();
        return new CodeError(line, error is SlickException ? "" : error.GetType().Name, message, trace);
    }
}

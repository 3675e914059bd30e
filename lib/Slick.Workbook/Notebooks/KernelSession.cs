using System.Diagnostics;
using System.Globalization;
using System.Runtime.CompilerServices;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Html;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;
using Microsoft.CodeAnalysis.CSharp.Syntax;
using Microsoft.CodeAnalysis.Scripting;
using Microsoft.DotNet.Interactive;
using Microsoft.DotNet.Interactive.CSharp;
using Microsoft.DotNet.Interactive.Commands;
using Microsoft.DotNet.Interactive.Directives;
using Microsoft.DotNet.Interactive.Events;
using Microsoft.DotNet.Interactive.Formatting;
using Plotly.NET.Interactive;
using Slick.Experiments;
using Slick.Figures;

namespace Slick.Workbook.Notebooks;

/// <summary>
/// The kernels of .NET Interactive for one notebook: C# with what a cell can use in VS Code (<c>display</c>, <c>HTML</c>, <c>#!set</c>,
/// <c>#!who</c>), HTML, Markdown, SQL over the store, and stored values. Each cell sees what earlier cells declared.
/// </summary>
internal sealed class KernelSession : IDisposable
{
    private static readonly TimeSpan Grace = TimeSpan.FromMilliseconds(300);

    private readonly CompositeKernel _root = new();
    private readonly CSharpKernel _csharp = new(Languages.CSharp);
    private readonly HostReferences _references;
    private readonly LoadedFiles _files;
    private readonly ManualResetEventSlim _idle = new(true);
    private bool _askedForInput;

    /// <summary>Starts kernels without variables.</summary>
    /// <param name="folder">The folder from which <c>#load</c> and <c>#r</c> start.</param>
    public KernelSession(string folder)
    {
        (_references, _files) = (new HostReferences(folder), new LoadedFiles(folder));
        CSharpOptions.Of(_csharp) = CSharpOptions.Of(_csharp).WithReferences(HostReferences.All)
            .WithOptimizationLevel(OptimizationLevel.Debug).WithEmitDebugInformation(true).WithFileEncoding(Encoding.UTF8);
        UseOwnFiles("");
        _root.Add(_csharp.UseKernelHelpers().UseWho().UseValueSharing(), ["c#", "C#"]);
        _root.Add(new HtmlKernel());
        _root.Add(new MarkdownKernel());
        _root.Add(new KeyValueStoreKernel().UseWho());
        SqlKernel.AddTo(_root);
        _root.DefaultKernelName = _csharp.Name;
        // When its command is cancelled, a cell goes on in the background. This event tells when its code has ended.
        _root.AddMiddleware(async (command, context, next) =>
        {
            if (command is SubmitCode) _idle.Reset();
            try { await next(command, context); }
            finally
            {
                if (command is SubmitCode) _idle.Set();
            }
        });
        _root.RegisterCommandHandler<RequestInput>((command, context) => RefuseInput(command, context));
        _root.RegisterCommandHandler<RequestInputs>((command, context) => RefuseInput(command, context));
        // The formatter of Plotly.NET's own package loads plotly.js from the network. Ours is registered after it and replaces it.
        ((IKernelExtension)new FormatterKernelExtension()).OnLoadAsync(_root).GetAwaiter().GetResult();
        NotebookFormatters.Register();
    }

    /// <summary>Runs a cell. What the cell declared before an error stays declared.</summary>
    /// <param name="source">The cell's text.</param>
    /// <param name="kernel">The kernel that the cell starts in.</param>
    /// <param name="path">Name of the cell in error messages, an absolute path.</param>
    /// <param name="record">Takes the outputs.</param>
    /// <param name="cancel">When it is signalled, the kernel's own token is signalled too. Then this method waits until the cell's code has
    /// ended.</param>
    /// <returns>The error that stopped the cell; null where the cell ran to its end.</returns>
    /// <exception cref="OperationCanceledException">The token was signalled, and the cell stopped.</exception>
    public CodeError? Run(string source, string kernel, string path, NotebookRecord record, CancellationToken cancel)
    {
        var directives = Directives();
        var parts = Magic.Split(source, name => directives.GetValueOrDefault(name));
        if (parts.FirstOrDefault(part => part.Name.Length > 0 && !directives.ContainsKey(part.Name)) is { } unknown)
            return new CodeError(unknown.Line, Magic.NotSupported(unknown.Name));
        var clock = new Stopwatch();
        using var listening = _root.KernelEvents.Subscribe(new Listener(record));
        try
        {
            foreach (var part in parts)
            {
                var (line, code) = (part.Line, part.Text);
                if (part.Name == Magic.Time)
                {
                    clock.Start();
                    continue;
                }
                if (part.Name.Length > 0 && directives[part.Name])
                    kernel = Magic.SelectsCSharp(part.Name) ? _csharp.Name : part.Name[2..];
                if (part.Name.Length > 0 && kernel == _csharp.Name && directives[part.Name])
                    (line, code) = (line + 1,
                        code[(code.IndexOf('\n', StringComparison.Ordinal) is var end and >= 0 ? end + 1 : code.Length)..]);
                var isCSharp = kernel == _csharp.Name && (part.Name.Length == 0 || directives[part.Name]);
                if (isCSharp)
                {
                    if (WithoutPackages(ref code, line, record) is { } refusal)
                        return refusal;
                    // Blank lines before the code make the compiler and stack traces give the cell's line numbers.
                    code = new string('\n', line - 1) + code;
                }
                if (string.IsNullOrWhiteSpace(code))
                    continue;
                if (Send(new SubmitCode(code, kernel), isCSharp, path, cancel) is not { } error)
                    continue;
                // SQL counts lines from the first non-blank line after the magic command.
                if (error.Line > 0 && !isCSharp)
                    return error with { Line = error.Line + line - 1 + (part.Name.Length > 0 ? 1 + code.Split('\n').Skip(1)
                        .TakeWhile(string.IsNullOrWhiteSpace).Count() : 0) };
                return error.Line == 0 && part.Name.Length > 0 ? error with { Line = line } : error;
            }
        }
        finally
        {
            if (clock.IsRunning)
                record.Add(Display(new JsonObject { ["text/plain"] = NotebookCell.Lines(string.Create(CultureInfo.InvariantCulture,
                    $"Wall time: {clock.Elapsed.TotalMilliseconds:F1} ms")) }));
        }
        return null;
    }

    /// <summary>Ends the kernels and drops their variables.</summary>
    public void Dispose()
    {
        _root.Dispose();
        _idle.Dispose();
    }

    // The magic commands of all kernels, also of kernels that cells added. The value says whether the lines after a command belong to it.
    private Dictionary<string, bool> Directives()
    {
        var directives = new Dictionary<string, bool>(StringComparer.Ordinal) { [Magic.Time] = false };
        foreach (var directive in _root.ChildKernels.Append<Kernel>(_root).SelectMany(k => k.KernelInfo.SupportedDirectives))
            directives[directive.Name] = directive is KernelSpecifierDirective;
        return directives;
    }

    private CodeError? Send(SubmitCode command, bool isCSharp, string path, CancellationToken cancel)
    {
        (_askedForInput, _references.Refusal, _files.Refusal) = (false, null, null);
        UseOwnFiles(path);
        cancel.ThrowIfCancellationRequested();
        // A thread of the pool, because the command takes over the console of the thread that sends it.
        var sent = Task.Run(() => _root.SendAsync(command), CancellationToken.None);
        try
        {
            sent.Wait(cancel);
        }
        catch (OperationCanceledException) when (cancel.IsCancellationRequested)
        {
            // The library's calls have the signal already. Code that checks the kernel's token gets it now.
            if (!sent.Wait(Grace, CancellationToken.None))
                Task.Run(() => _root.SendAsync(new Cancel()), CancellationToken.None).Wait(CancellationToken.None);
            sent.Wait(CancellationToken.None);
            _idle.Wait(CancellationToken.None);
        }
        var result = sent.GetAwaiter().GetResult();
        var failed = result.Events.OfType<CommandFailed>().OrderByDescending(e => e.Exception is not null).FirstOrDefault();
        if (failed is not null && cancel.IsCancellationRequested)
            throw new OperationCanceledException(failed.Message, failed.Exception, cancel);
        if (failed is null)
            return !isCSharp && result.Events.OfType<ErrorProduced>().FirstOrDefault() is { } said
                ? new CodeError(0, CodeError.OneLine(said.Message)) : null;
        var error = failed.Exception is { } exception ? CodeError.Of(exception, path) : new CodeError(0, Plain(failed.Message));
        if (_references.Refusal is { } package)
            return error with { Kind = "", Message = package };
        if (_files.Refusal is { } file)
            return error with { Kind = "", Message = file };
        return _askedForInput ? error with { Kind = "", Message = StandardInput.NotAvailable } : error;
    }

    // A message of the parser is "(1,1): error DNI104: ...". Its position is that in the command's own line.
    private static string Plain(string message)
    {
        var line = message.Split('\n')[0].Trim();
        return line.IndexOf("error DNI", StringComparison.Ordinal) is var at and >= 0
            && line.IndexOf(": ", at, StringComparison.Ordinal) is var colon and >= 0 ? line[(colon + 2)..] : CodeError.OneLine(message);
    }

    // Otherwise the kernel would look for packages in the current folder, and for files in a folder that a cell may change.
    private void UseOwnFiles(string path)
    {
        CSharpOptions.Of(_csharp) = CSharpOptions.Of(_csharp).WithMetadataResolver(_references).WithSourceResolver(_files)
            .WithFilePath(path);
        CSharpOptions.WorkingDirectory(_csharp) = Directory.GetCurrentDirectory();
    }

    // A line that names a package of this program is left out: the package's assemblies are available in every cell.
    private static CodeError? WithoutPackages(ref string code, int first, NotebookRecord record)
    {
        if (!code.Contains("nuget", StringComparison.OrdinalIgnoreCase))
            return null;
        var lines = code.Split('\n');
        var root = CSharpSyntaxTree.ParseText(code, new CSharpParseOptions(kind: SourceCodeKind.Script)).GetRoot(CancellationToken.None);
        // The syntax tree is searched, not the lines: a line may be part of a long string.
        foreach (var directive in root.DescendantNodes(descendIntoTrivia: true).OfType<ReferenceDirectiveTriviaSyntax>())
        {
            if (HostReferences.Package(directive.File.ValueText) is not { } package)
                continue;
            var i = directive.GetLocation().GetLineSpan().StartLinePosition.Line;
            if (package.Refusal is not null)
                return new CodeError(first + i, package.Refusal);
            if (package.Note is not null)
                record.Write("stderr", package.Note + "\n");
            lines[i] = "";
        }
        code = string.Join('\n', lines);
        return null;
    }

    private Task RefuseInput(KernelCommand command, KernelInvocationContext context)
    {
        _askedForInput = true;
        context.Fail(command, message: StandardInput.NotAvailable);
        return Task.CompletedTask;
    }

    private static JsonObject Display(JsonObject data, JsonObject? metadata = null) => new() { ["data"] = data,
        ["metadata"] = metadata ?? [], ["output_type"] = "display_data" };

    // Turns the kernels' events into outputs of nbformat.
    private sealed class Listener(NotebookRecord record) : IObserver<KernelEvent>
    {
        public void OnNext(KernelEvent value)
        {
            switch (value)
            {
                case StandardOutputValueProduced written:
                    record.Write("stdout", Text(written));
                    break;
                case StandardErrorValueProduced written:
                    record.Write("stderr", Text(written));
                    break;
                case DisplayedValueUpdated updated:
                    record.Update(updated.ValueId, Data(updated));
                    break;
                case ReturnValueProduced result:
                    var count = record.Running is { } cell ? record.Notebook.Cells[cell].ExecutionCount : null;
                    record.Add(new JsonObject { ["data"] = Data(result), ["execution_count"] = count, ["metadata"] = Metadata(result),
                        ["output_type"] = "execute_result" }, result.ValueId);
                    break;
                case DisplayedValueProduced displayed:
                    record.Add(Display(Data(displayed), Metadata(displayed)), displayed.ValueId);
                    break;
            }
        }

        public void OnCompleted() { }

        public void OnError(Exception error) { }

        private static string Text(DisplayEvent written) => string.Concat(written.FormattedValues.Select(v => v.Value))
            .Replace("\r\n", "\n", StringComparison.Ordinal);

        private static JsonObject Data(DisplayEvent shown)
        {
            var data = new JsonObject();
            foreach (var form in shown.FormattedValues.DistinctBy(form => form.MimeType))
                data[form.MimeType] = Form(form.MimeType, form.Value ?? "");
            if (shown.Value is Figure or Plotly.NET.GenericChart)
                data[NotebookFormatters.PlotlyData] = JsonNode.Parse(shown.Value.ToDisplayString(NotebookFormatters.PlotlyData));
            // A value that has only an HTML form would show nothing on a terminal.
            if (!data.ContainsKey("text/plain") && shown.Value is not (null or IHtmlContent or FormattedValue))
                data["text/plain"] = NotebookCell.Lines(shown.Value.ToDisplayString("text/plain"));
            return data;
        }

        // A viewer would show a picture for fine screens at twice its size.
        private static JsonObject Metadata(DisplayEvent shown) => shown.Value is not (Figure or FigurePlayer) ? []
            : new() { ["image/png"] = new JsonObject { ["width"] = PngRenderer.Width } };

        private static JsonNode? Form(string mime, string value)
        {
            if (mime.StartsWith("image/", StringComparison.Ordinal) && mime != "image/svg+xml")
                return value;
            try { return mime.EndsWith("json", StringComparison.Ordinal) ? JsonNode.Parse(value) : NotebookCell.Lines(value); }
            catch (JsonException) { return value; }
        }
    }

    // The kernel compiles without line numbers. Its options are not public.
    private static class CSharpOptions
    {
        [UnsafeAccessor(UnsafeAccessorKind.Field, Name = "_scriptOptions")]
        public static extern ref ScriptOptions Of(CSharpKernel kernel);

        [UnsafeAccessor(UnsafeAccessorKind.Field, Name = "_workingDirectory")]
        public static extern ref string WorkingDirectory(CSharpKernel kernel);
    }
}

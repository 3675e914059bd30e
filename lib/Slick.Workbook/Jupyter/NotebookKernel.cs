using System.Reflection;
using Microsoft.DotNet.Interactive;
using Microsoft.DotNet.Interactive.Commands;
using Slick.Runtime;
using Slick.Workbook.Commands;

namespace Slick.Workbook.Jupyter;

/// <summary>
/// Connects this library to a kernel of .NET Interactive. An interrupt then stops the library's long calls: <see cref="Host.Cancellation"/>
/// is a token of the running cell, and each cell gets a new token. In the tool <c>dotnet-interactive</c>, a long call also shows its
/// progress below the cell, and a user's mistake is shown as one sentence.
/// </summary>
/// <remarks>
/// The kernel and its variables stay after an interrupt. Code that loops without a call of this library runs to its end: .NET cannot stop a
/// thread from outside.
/// </remarks>
public static class NotebookKernel
{
    private static CancellationTokenSource _cell = new();
    private static Kernel? _attached;

    /// <summary>Connects the kernel of the current cell; <c>setup.csx</c> calls it. Further calls, and calls outside a kernel, change
    /// nothing.</summary>
    public static void Attach()
    {
        if (KernelInvocationContext.Current is not { } cell || cell.HandlingKernel?.RootKernel is not { } kernel
            || Interlocked.Exchange(ref _attached, kernel) == kernel) return;
        // Outside its cell a token has no meaning: the kernel signals the token of a cell that failed.
        Host.CellCancellation =
            static () => KernelInvocationContext.Current is null ? CancellationToken.None : Volatile.Read(ref _cell).Token;
        Host.ShowsMessagesOnly = IsTool;
        CellStarts(cell);
        kernel.AddMiddleware(async (command, context, next) =>
        {
            using var line = command is SubmitCode { Parent: null } ? CellStarts(context) : null;
            await next(command, context);
        });
        if (IsTool && InterruptListener.ConnectionFile(Environment.GetCommandLineArgs()) is { } file)
            InterruptListener.Start(file, static () => Volatile.Read(ref _cell).Cancel());
    }

    private static bool IsTool => Assembly.GetEntryAssembly()?.GetName().Name == "Microsoft.DotNet.Interactive.App";

    // The kernel signals its own token where a front end cancels without Jupyter, as Polyglot Notebooks does.
    private static CellLine? CellStarts(KernelInvocationContext cell)
    {
        Volatile.Write(ref _cell, CancellationTokenSource.CreateLinkedTokenSource(cell.CancellationToken));
        if (!IsTool) return null;
        var line = new CellLine(cell, TimeProvider.System);
        Host.Progress = new ProgressLines(line, TimeProvider.System);
        return line;
    }
}

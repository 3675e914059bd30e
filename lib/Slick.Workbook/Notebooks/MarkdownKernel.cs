using Microsoft.DotNet.Interactive;
using Microsoft.DotNet.Interactive.Commands;
using Microsoft.DotNet.Interactive.Events;
using Microsoft.DotNet.Interactive.Formatting;

namespace Slick.Workbook.Notebooks;

/// <summary>The kernel of <c>#!markdown</c>: shows the text of a cell as Markdown.</summary>
internal sealed class MarkdownKernel : Kernel, IKernelCommandHandler<SubmitCode>
{
    public MarkdownKernel() : base("markdown") => KernelInfo.LanguageName = "Markdown";

    Task IKernelCommandHandler<SubmitCode>.HandleAsync(SubmitCode command, KernelInvocationContext context)
    {
        var text = command.Code.Trim();
        context.Publish(new DisplayedValueProduced(text, command, [new FormattedValue("text/markdown", text),
            new FormattedValue("text/plain", text)]));
        return Task.CompletedTask;
    }
}

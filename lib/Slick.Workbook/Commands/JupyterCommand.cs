using System.CommandLine;
using System.CommandLine.Help;
using Slick.Runtime;
using Slick.Workbook.Jupyter;

namespace Slick.Workbook.Commands;

/// <summary><c>slick jupyter</c>: installs the kernel of the notebooks for VS Code and Jupyter.</summary>
internal static class JupyterCommand
{
    public static Command Create()
    {
        var command = new Command("jupyter", "Make the notebooks' kernel known to Jupyter and VS Code.") { Install() };
        // The command without a subcommand shows its help; this is not an error.
        command.SetAction(parsed => new HelpAction().Invoke(parsed));
        return command;
    }

    private static Command Install()
    {
        var user = new Option<bool>("--user") { Description = "Write it into your own Jupyter folder (the default)." };
        var prefix = new Option<string?>("--prefix") { HelpName = "folder",
            Description = "Write it into share/jupyter of this folder instead, such as a Python environment." };
        var name = new Option<string>("--name") { DefaultValueFactory = _ => KernelSpec.DefaultName,
            HelpName = "name", Description = "The kernel's name; the notebooks ask for .net-csharp." };
        var tool = new Option<string?>("--tool") { HelpName = "file",
            Description = "The program dotnet-interactive or its dll, where it is not found." };
        var force = new Option<bool>("--force") { Description = "Replace a kernel of this name that something else has written." };
        var command = new Command("install", "Write the file kernel.json that starts the tool dotnet-interactive from any folder.")
            { user, prefix, name, tool, force };
        command.Validators.Add(result =>
        {
            if (result.GetValue(user) && result.GetValue(prefix) is not null)
                result.AddError("--user and --prefix name two places; give one of them.");
        });
        command.SetAction(parsed =>
        {
            var here = Surroundings.Here;
            var found = parsed.GetValue(tool) is { } path ? KernelTool.At(path, here) : KernelTool.Find(here, Repository.Root);
            var data = parsed.GetValue(prefix) is { } folder ? Path.Combine(folder, "share", "jupyter") : here.JupyterData;
            var kernel = parsed.GetValue(name)!;
            var file = KernelSpec.Install(data, kernel, KernelSpec.Json(found, kernel, here), parsed.GetValue(force));
            Console.Out.WriteLine($"Kernel: {file}");
            Console.Out.WriteLine($"Starts: {string.Join(' ', found.Command)} ({found.Origin})");
            return 0;
        });
        return command;
    }
}

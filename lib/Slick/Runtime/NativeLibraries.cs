using System.Reflection;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Loader;
using TorchSharp;

namespace Slick.Runtime;

/// <summary>Finds and loads libtorch, also in programs of others that host this library, such as a notebook kernel.</summary>
public static partial class NativeLibraries
{
    private const int TrimThreshold = -1, MmapThreshold = -3, Raised = 1 << 30;
    private static readonly Lock Gate = new();
    private static bool _loaded;

    private static string Folder => Path.GetDirectoryName(typeof(NativeLibraries).Assembly.Location) is { Length: > 0 } folder
        ? folder : AppContext.BaseDirectory;

    private static string Platform => (OperatingSystem.IsWindows() ? "win" : OperatingSystem.IsMacOS() ? "osx" : "linux")
        + (RuntimeInformation.ProcessArchitecture == Architecture.Arm64 ? "-arm64" : "-x64");

    /// <summary>
    /// Registers handlers for look-ups that fail in the host. libtorch itself is loaded by <see cref="Load"/>, so that a program starts
    /// fast.
    /// </summary>
#pragma warning disable CA2255 // the library must work in hosts that never call it explicitly
    [ModuleInitializer]
#pragma warning restore CA2255
    internal static void Initialise()
    {
        AssemblyLoadContext.Default.Resolving += LoadedFSharpCore;
        AssemblyLoadContext.Default.ResolvingUnmanagedDll += LoadFromFolder;
        // A kernel of .NET Interactive loads every referenced assembly into a load context of its own. A failed look-up of a native library
        // is reported to the context of the assembly that asked: SkiaSharp's, not this library's.
        AppDomain.CurrentDomain.AssemblyLoad += (_, loaded) => AnswerFor(loaded.LoadedAssembly);
        foreach (var assembly in AppDomain.CurrentDomain.GetAssemblies()) AnswerFor(assembly);
    }

    // Answers failed look-ups of native libraries in the load context of an assembly that lies in the folder of this library.
    private static void AnswerFor(Assembly assembly)
    {
        if (assembly.IsDynamic || Path.GetDirectoryName(assembly.Location) != Folder
            || AssemblyLoadContext.GetLoadContext(assembly) is not { } context || context == AssemblyLoadContext.Default) return;
        context.ResolvingUnmanagedDll -= LoadFromFolder;
        context.ResolvingUnmanagedDll += LoadFromFolder;
    }

    private static nint LoadFromFolder(Assembly asking, string name) =>
        Find(name) is { } path && NativeLibrary.TryLoad(path, out var handle) ? handle : 0;

    /// <summary>Loads libtorch from its folder and sets the allocator up. Only the first call does so.</summary>
    /// <exception cref="SlickException">A native library is missing, or does not load on this machine.</exception>
    public static void Load()
    {
        lock (Gate)
        {
            if (_loaded) return;
            KeepFreedMemory();
            // Loaded before TorchSharp searches: its own search would copy 480 MB out of the package cache.
            var folder = new[] { Path.Combine(Folder, "runtimes", Platform, "native"), Folder }.FirstOrDefault(f =>
                File.Exists(Path.Combine(f, FileName("LibTorchSharp"))))
                ?? throw new SlickException(
                    $"{FileName("LibTorchSharp")} is not in {Path.Combine(Folder, "runtimes", Platform, "native")}: the package "
                    + $"TorchSharp brings it; build the project again.");
            if (OperatingSystem.IsLinux())
                foreach (var path in Directory.GetFiles(folder, "libgomp*"))
                    Open(path);
            foreach (var name in new[] { "c10", "torch_cpu", "torch", "LibTorchSharp" })
            {
                var path = Path.Combine(folder, FileName(name));
                if (File.Exists(path)) Open(path);
                else if (name == "torch_cpu" && Directory.GetFiles(folder, "*cudart*").Length == 0)
                    throw new SlickException(
                        $"{path} is missing: the package libtorch-cpu-{Platform} brings it; restore and build the project again.");
            }
            torch.InitializeDeviceType(DeviceType.CPU);
            _loaded = true;
        }
    }

    /// <summary>The handle of libtorch's main library.</summary>
    /// <param name="library">The handle; 0 where the library is not loaded.</param>
    /// <returns>True where <see cref="Load"/> has loaded the library.</returns>
    internal static bool TryTorch(out nint library) => NativeLibrary.TryLoad(FileName("torch_cpu"), out library);

    private static void Open(string path)
    {
        try
        {
            NativeLibrary.Load(path);
        }
        catch (Exception e) when (e is DllNotFoundException or BadImageFormatException)
        {
            throw new SlickException(
                $"{path} does not load here ({e.Message.ReplaceLineEndings(" ").Trim()}); on Linux it needs the package libstdc++6 of GCC "
                + $"13, or a build of this project on this machine.", e);
        }
    }

    private static string FileName(string name) =>
        OperatingSystem.IsWindows() ? name + ".dll" : "lib" + name + (OperatingSystem.IsMacOS() ? ".dylib" : ".so");

    private static string? Find(string name)
    {
        var names = new[] { name, FileName(name), name + Path.GetExtension(FileName(name)) };
        return new[] { Path.Combine(Folder, "runtimes", Platform, "native"), Folder }
            .SelectMany(folder => names.Select(n => Path.Combine(folder, n))).FirstOrDefault(File.Exists);
    }

    // Plotly.NET asks for a newer FSharp.Core than a hosting kernel may hold. Types of a second copy would not fit those of the first.
    private static Assembly? LoadedFSharpCore(AssemblyLoadContext context, AssemblyName name)
    {
        if (name.Name != "FSharp.Core") return null;
        if (AppDomain.CurrentDomain.GetAssemblies().FirstOrDefault(a => a.GetName().Name == "FSharp.Core") is { } loaded) return loaded;
        if (name.Version is null) return null;
        try
        {
            return context.LoadFromAssemblyName(new AssemblyName("FSharp.Core"));
        }
        catch (FileNotFoundException)
        {
            return null;
        }
    }

    // glibc returns big blocks to the system at once. Getting them back costs as much time in page faults as the arithmetic takes.
    private static void KeepFreedMemory()
    {
        if (!OperatingSystem.IsLinux()) return;
        try
        {
            _ = Mallopt(MmapThreshold, Raised);
            _ = Mallopt(TrimThreshold, Raised);
        }
        catch (Exception e) when (e is DllNotFoundException or EntryPointNotFoundException)
        {
            // Another C library: nothing to set.
        }
    }

    [LibraryImport("libc.so.6", EntryPoint = "mallopt")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial int Mallopt(int parameter, int value);
}

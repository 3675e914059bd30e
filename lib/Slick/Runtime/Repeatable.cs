using System.Runtime.InteropServices;
using TorchSharp;

namespace Slick.Runtime;

/// <summary>
/// Asks torch for CUDA operations that give the same bits each time. TorchSharp 0.107 does not offer torch's
/// <c>use_deterministic_algorithms</c>, so the functions of libtorch are looked up by their C++ names.
/// </summary>
internal static unsafe partial class Repeatable
{
    /// <summary>
    /// Asks for operations that give the same bits each time, and for fp32 products without TF32. Call it before the first product on the
    /// device: cuBLAS reads its environment variable when it starts (cuBLAS manual, "Results reproducibility").
    /// </summary>
    /// <returns>False where this libtorch does not have the functions.</returns>
    public static bool Ask()
    {
        SetVariable("CUBLAS_WORKSPACE_CONFIG", ":4096:8");
        torch.backends.cuda.matmul.allow_tf32 = false;
        torch.backends.cudnn.allow_tf32 = false;
        return SetAlgorithms(true);
    }

    /// <summary>
    /// Turns torch's deterministic algorithms on or off. An operation that has none warns and goes on. New memory is not filled, because
    /// nothing here reads memory that it has not written.
    /// </summary>
    /// <param name="on">True to turn them on.</param>
    /// <returns>False where this libtorch does not have the functions.</returns>
    internal static bool SetAlgorithms(bool on)
    {
        if (Context() is not (not 0 and var context)) return false;
        var algorithms = Function("_ZN2at7Context26setDeterministicAlgorithmsEbb", "?setDeterministicAlgorithms@Context@at@@QEAAX_N0@Z");
        var filling = Function("_ZN2at7Context39setDeterministicFillUninitializedMemoryEb",
            "?setDeterministicFillUninitializedMemory@Context@at@@QEAAX_N@Z");
        if (algorithms == 0 || filling == 0) return false;
        ((delegate* unmanaged<nint, byte, byte, void>)algorithms)(context, on ? (byte)1 : (byte)0, 1); // warn only
        ((delegate* unmanaged<nint, byte, void>)filling)(context, 0);
        return true;
    }

    /// <summary>True where torch's deterministic algorithms are on; null where this libtorch cannot say.</summary>
    internal static bool? Algorithms =>
        Context() is not 0 and var context
        && Function("_ZNK2at7Context23deterministicAlgorithmsEv",
            "?deterministicAlgorithms@Context@at@@QEBA_NXZ") is not 0 and var algorithms
            ? ((delegate* unmanaged<nint, byte>)algorithms)(context) != 0 : null;

    // The object that holds torch's settings.
    private static nint Context()
    {
        var context = Function("_ZN2at13globalContextEv", "?globalContext@at@@YAAEAVContext@1@XZ");
        return context == 0 ? 0 : ((delegate* unmanaged<nint>)context)();
    }

    // The address of a function by its name, as GCC and Clang write it or as MSVC does; 0 where there is none.
    private static nint Function(string unix, string windows) =>
        NativeLibraries.TryTorch(out var library)
            && NativeLibrary.TryGetExport(library, OperatingSystem.IsWindows() ? windows : unix, out var address) ? address : 0;

    /// <summary>
    /// Sets an environment variable so that native code finds it. On Unix .NET keeps a copy of the environment, and <c>getenv</c> does not
    /// see what is set in the copy. A variable that is set already stays as it is.
    /// </summary>
    /// <param name="name">The variable.</param>
    /// <param name="value">The value.</param>
    internal static void SetVariable(string name, string value)
    {
        if (Environment.GetEnvironmentVariable(name) is not null) return;
        Environment.SetEnvironmentVariable(name, value);
        if (OperatingSystem.IsWindows()) _ = PutVariable(name, value);
        else _ = SetVariable(name, value, 1);
    }

    [LibraryImport("libc", EntryPoint = "setenv", StringMarshalling = StringMarshalling.Utf8)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial int SetVariable(string name, string value, int overwrite);

    [LibraryImport("ucrtbase", EntryPoint = "_putenv_s", StringMarshalling = StringMarshalling.Utf8)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.System32)]
    private static partial int PutVariable(string name, string value);
}

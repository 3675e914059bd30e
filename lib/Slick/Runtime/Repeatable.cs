using System.Runtime.InteropServices;
using TorchSharp;

namespace Slick.Runtime;

/// <summary>
/// Asks torch for CUDA operations that give the same bits each time. TorchSharp 0.107 does not offer torch's
/// <c>use_deterministic_algorithms</c>, so the functions of libtorch are looked up by their C++ names.
/// </summary>
internal static unsafe class Repeatable
{
    /// <summary>
    /// Asks for operations that give the same bits each time, and for fp32 products without TF32. Attention is never computed by cuDNN,
    /// whose backward pass differs from run to run, and which plans anew for each shape. cuBLAS needs no setting: torch gives each handle a
    /// workspace of its own (pytorch pull request 161749). With the variable CUBLAS_WORKSPACE_CONFIG, torch 2.11 would read its value by a
    /// regular expression before each product.
    /// </summary>
    /// <returns>False where this libtorch does not have the functions.</returns>
    public static bool Ask()
    {
        torch.backends.cuda.matmul.allow_tf32 = false;
        torch.backends.cudnn.allow_tf32 = false;
        ForbidCudnnAttention();
        return SetAlgorithms(true);
    }

    // A libtorch without the function goes on: a strict backward pass refuses cuDNN's attention anyway.
    private static void ForbidCudnnAttention()
    {
        var set = Function("_ZN2at7Context14setSDPUseCuDNNEb", "?setSDPUseCuDNN@Context@at@@QEAAX_N@Z");
        if (set != 0 && Context() is not 0 and var context) ((delegate* unmanaged<nint, byte, void>)set)(context, 0);
    }

    /// <summary>
    /// Turns torch's deterministic algorithms on or off. New memory is not filled, because nothing here reads memory that it has not
    /// written.
    /// </summary>
    /// <param name="on">True to turn them on.</param>
    /// <param name="strict">True where an operation that has none fails; false where it warns and goes on.</param>
    /// <returns>False where this libtorch does not have the functions.</returns>
    internal static bool SetAlgorithms(bool on, bool strict = false)
    {
        if (Context() is not (not 0 and var context)) return false;
        var algorithms = Function("_ZN2at7Context26setDeterministicAlgorithmsEbb", "?setDeterministicAlgorithms@Context@at@@QEAAX_N0@Z");
        var filling = Function("_ZN2at7Context39setDeterministicFillUninitializedMemoryEb",
            "?setDeterministicFillUninitializedMemory@Context@at@@QEAAX_N@Z");
        if (algorithms == 0 || filling == 0) return false;
        ((delegate* unmanaged<nint, byte, byte, void>)algorithms)(context, on ? (byte)1 : (byte)0, strict ? (byte)0 : (byte)1);
        ((delegate* unmanaged<nint, byte, void>)filling)(context, 0);
        return true;
    }

    /// <summary>
    /// Makes torch's deterministic algorithms strict, in the whole process, while a backward pass on a GPU is computed, and the forward
    /// pass that belongs to it where the two are one piece of work. Torch's attention has a backward pass that gives the same bits each
    /// time, and takes it only where it must.
    /// </summary>
    /// <param name="device">The device of the pass.</param>
    /// <returns>What ends the duration when it is disposed; null where nothing is changed.</returns>
    internal static IDisposable? InBackward(torch.Device device) =>
        device.type == DeviceType.CUDA && Algorithms == true ? new Strict() : null;

    /// <summary>Computes the gradient of a loss, as <see cref="InBackward"/> says.</summary>
    /// <param name="loss">The loss, [].</param>
    internal static void Backward(torch.Tensor loss)
    {
        using var strict = InBackward(loss.device);
        loss.backward();
    }

    private sealed class Strict : IDisposable
    {
        private static readonly Lock Gate = new();
        private static int _running; // backward passes of all threads

        public Strict()
        {
            lock (Gate)
                if (_running++ == 0) SetAlgorithms(true, strict: true);
        }

        public void Dispose()
        {
            lock (Gate)
                if (--_running == 0) SetAlgorithms(true);
        }
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
}

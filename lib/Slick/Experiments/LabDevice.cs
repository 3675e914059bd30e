using System.Globalization;
using System.Runtime.InteropServices;
using Slick.Runtime;
using Slick.Storage;

namespace Slick.Experiments;

/// <summary>
/// Chooses the device of the lab's work where the user leaves it to the program. A GPU works on one stage at a time, and the lab's models
/// are too small to fill it. Cores work on several stages at once. So either can be faster, and the study's time is forecast for both.
/// </summary>
public static class LabDevice
{
    /// <summary>
    /// Chooses the device. Where there is no GPU, auto is the CPU. Where the store has stages of the study that were finished or begun on
    /// one of the devices, auto is that device: results are of a device, so another choice would compute them again. Else auto is the
    /// device with the shorter forecast. Processes that begin the same study at the same moment measure each for itself, so their choices
    /// can differ where the forecasts are nearly equal.
    /// </summary>
    /// <param name="device">auto, cpu, cuda or cuda:n.</param>
    /// <param name="options">The study's options.</param>
    /// <param name="plan">Makes the plan for a kind of device.</param>
    /// <param name="store">The store that keeps the results.</param>
    /// <param name="say">Called with a line that says what auto chose, and why; null for nobody.</param>
    /// <exception cref="UsageException">The device has an unknown name.</exception>
    /// <exception cref="SlickException">There is no such device here.</exception>
    public static Compute Choose(string device, StudyOptions options, Func<Platform, Plan> plan, RunStore store,
        Action<string>? say = null)
    {
        if (device != "auto" || !Compute.HasGpu) return Compute.Choose(device, say: say);
        var remarks = new List<string>();
        var (cpu, gpu) = (Compute.Choose("cpu"), Compute.Choose("cuda", say: remarks.Add));
        var (onGpu, why) = Decide(options, plan(cpu.Platform), plan(gpu.Platform), store, LabSpeed.On(cpu.Device, options),
            LabSpeed.On(gpu.Device, options));
        say?.Invoke($"Device: {(onGpu ? "cuda:0" : "cpu")} (auto: {why}).");
        if (onGpu) foreach (var remark in remarks) say?.Invoke(remark);
        // Work on the CPU is the same whether there is a GPU or not.
        else Repeatable.SetAlgorithms(false);
        return onGpu ? gpu : cpu;
    }

    /// <summary>The platforms that a device's name can mean here: two for auto where there is a GPU.</summary>
    /// <param name="device">auto, cpu, cuda or cuda:n.</param>
    internal static IReadOnlyList<Platform> Platforms(string device) => device == "auto" && Compute.HasGpu
        ? [Compute.Choose("cpu").Platform, Compute.Choose("cuda").Platform] : [Compute.Choose(device).Platform];

    /// <summary>Decides between the cores and a GPU.</summary>
    /// <param name="options">The study's options.</param>
    /// <param name="onCpu">The plan for the CPU.</param>
    /// <param name="onGpu">The plan for the GPU.</param>
    /// <param name="store">The store that keeps the results.</param>
    /// <param name="cpu">The speed of the cores. It is measured only where the store has no stage of the study.</param>
    /// <param name="gpu">The speed of the GPU, likewise.</param>
    /// <returns>Whether the GPU is taken, and the reason in words.</returns>
    internal static (bool OnGpu, string Why) Decide(StudyOptions options, Plan onCpu, Plan onGpu, RunStore store, LabSpeed cpu,
        LabSpeed gpu)
    {
        var (byCpu, byGpu) = (Made(onCpu, store), Made(onGpu, store));
        if (byCpu != default || byGpu != default)
        {
            var keepGpu = byGpu.CompareTo(byCpu) > 0;
            var begun = (keepGpu ? byGpu : byCpu).Begun;
            return (keepGpu, string.Create(CultureInfo.InvariantCulture,
                $"{begun} stage{(begun == 1 ? "" : "s")} of this study in the store {(begun == 1 ? "was" : "were")} made or begun on it"));
        }
        double Minutes(LabSpeed speed, Plan plan)
        {
            var forecast = new LabForecast(options, speed);
            return plan.Stages.Sum(s => forecast.Seconds(s, plan)) / 60;
        }
        double gpuMinutes;
        try { gpuMinutes = Minutes(gpu, onGpu); }
        catch (Exception e) when (e is ExternalException or SlickException)
        {
            return (false, $"cuda:0 cannot be used: {e.Message.Split('\n')[0].Trim().TrimEnd('.')}");
        }
        var cpuMinutes = Minutes(cpu, onCpu);
        return (gpuMinutes < cpuMinutes, string.Create(CultureInfo.InvariantCulture,
            $"the forecast of this study is {cpuMinutes:F1} minutes on {cpu.AtOnce} core{(cpu.AtOnce == 1 ? "" : "s")} and "
            + $"{gpuMinutes:F1} on cuda:0, which does one stage at a time"));
    }

    // How many stages of a plan the store has from the plan's device: those with a result, and those that were begun at least.
    private static (int Finished, int Begun) Made(Plan plan, RunStore store)
    {
        var folders = plan.Stages.Where(s => s.Device.Length > 0).Select(store.Of).ToList();
        return (folders.Count(f => f.IsSettled), folders.Count(f => f.HasBegun));
    }
}

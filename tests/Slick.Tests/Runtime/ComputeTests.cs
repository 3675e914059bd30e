using Slick.Runtime;
using TorchSharp;

namespace Slick.Tests.Runtime;

public class ComputeTests
{
    [Fact]
    public void RepeatableOperations_AreTurnedOnInLibtorch_AndStayOffOnTheCpu()
    {
        var before = Repeatable.Algorithms;
        Compute.Choose("cpu");
        Assert.Equal(before, Repeatable.Algorithms);
        if (before is null) Assert.Skip("this libtorch does not say");
        try
        {
            Assert.True(Repeatable.SetAlgorithms(true));
            Assert.True(Repeatable.Algorithms);
            Assert.Null(Repeatable.InBackward(torch.CPU)); // only a GPU's attention needs it
        }
        finally
        {
            Repeatable.SetAlgorithms(before.Value);
        }
        Assert.Equal(before, Repeatable.Algorithms);
    }

    [Fact]
    public void CudaWhereThereIsNone_NamesTheBuildProperty()
    {
        NativeLibraries.Load();
        if (torch.cuda.is_available()) Assert.Skip("a CUDA device is here");
        var error = Assert.Throws<SlickException>(() => Compute.Choose("cuda"));
        Assert.Contains("TorchDevice=cuda", error.Message, StringComparison.Ordinal);
        string? said = null;
        Assert.Equal(DeviceType.CPU, Compute.Choose("auto", say: line => said = line).Device.type);
        Assert.Equal("Device: cpu (auto found no CUDA device).", said);
    }

    [Theory]
    [InlineData("gpu", "fp32")]
    [InlineData("cuda:x", "fp32")]
    [InlineData("cpu", "fp8")]
    public void UnknownNames_AreRefused(string device, string dtype) =>
        Assert.Throws<UsageException>(() => Compute.Choose(device, dtype));
}

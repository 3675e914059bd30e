using Slick.Storage;
using Slick.Workbook.Commands;
using Xunit;

namespace Slick.Tests.Workbook;

public sealed class ProgressLinesTests
{
    private sealed class Clock : TimeProvider
    {
        public double Seconds { get; set; }
        public override long TimestampFrequency => 1000;
        public override long GetTimestamp() => (long)(Seconds * 1000);
    }

    [Fact]
    public void AStage_WritesAtMostOneLineEachFiveSeconds()
    {
        using var output = new StringWriter { NewLine = "\n" };
        var clock = new Clock();
        var lines = new ProgressLines(output, clock);
        lines.Stage("Train");
        for (var i = 1; i <= 100; i++)
        {
            clock.Seconds = i * 0.06;
            lines.Report("Train", i, 400, "loss 1.2");
        }
        lines.Say("kept");
        Assert.Equal("Train\nTrain: 21 %, loss 1.2, 19 s left\nkept\n", output.ToString());
    }
}

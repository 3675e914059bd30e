using Slick.Experiments;
using Slick.Runtime;
using Slick.Tests.Workbook;

namespace Slick.Tests.Runtime;

/// <summary>What a host lends to the cells of a notebook.</summary>
[Collection(nameof(ProcessWide))]
public sealed class HostTests : IDisposable
{
    private readonly CancellationTokenSource _cell = new();

    public HostTests() => Host.CellCancellation = () => _cell.Token;

    public void Dispose()
    {
        (Host.Cancellation, Host.ShowsMessagesOnly) = (default, false);
        Host.CellCancellation = static () => CancellationToken.None;
        _cell.Dispose();
    }

    [Fact]
    public void Token_IsTheCells_UnlessOneIsLent()
    {
        Assert.Equal(_cell.Token, Host.Cancellation);
        using var lent = new CancellationTokenSource();
        Host.Cancellation = lent.Token;
        Assert.Equal(lent.Token, Host.Cancellation);
        Host.Cancellation = default;
        Assert.Equal(_cell.Token, Host.Cancellation);
    }

    [Fact]
    public void InterruptedCall_IsOneSentence()
    {
        _cell.Cancel();
        var error = Assert.Throws<InterruptedException>(() => Host.Run<int>((_, token) =>
            throw new OperationCanceledException("deep inside", token)));
        Assert.StartsWith("Interrupted. What is finished is kept", error.Message, StringComparison.Ordinal);
        Assert.Equal((error.Message, ""), (error.ToString(), error.StackTrace));
    }

    [Fact]
    public void CallThatGivesUpByItself_IsNotCalledInterrupted() =>
        Assert.IsType<OperationCanceledException>(Record.Exception(() => Host.Run<int>((_, _) => throw new OperationCanceledException())));

    [Fact]
    public void Mistake_IsItsMessage_WhereTheKernelWouldShowTheStackTrace()
    {
        var mistake = Assert.Throws<UsageException>((Action)(() => throw new UsageException("there is no such thing.")));
        Assert.Contains(nameof(Mistake_IsItsMessage_WhereTheKernelWouldShowTheStackTrace), mistake.ToString(), StringComparison.Ordinal);
        Host.ShowsMessagesOnly = true;
        Assert.Equal(("there is no such thing.", ""), (mistake.ToString(), mistake.StackTrace));
    }
}

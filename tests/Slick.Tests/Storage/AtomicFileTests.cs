using Slick.Runtime;
using Slick.Storage;

namespace Slick.Tests.Storage;

public sealed class AtomicFileTests : IDisposable
{
    private readonly string _folder = Scratch.Folder("files");

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void FolderThatIsMissing_IsMadeByWriting_AndNotByTheCheckBefore()
    {
        var file = Path.Combine(_folder, "a", "b", "labels.csv");
        AtomicFile.EnsureWritable(file);
        Assert.Empty(Directory.GetFileSystemEntries(_folder));
        AtomicFile.WriteText(file, "text");
        Assert.Equal("text", File.ReadAllText(file));
        // What is there stays as it is.
        AtomicFile.EnsureWritable(file);
        Assert.Equal("text", File.ReadAllText(file));
        Assert.Equal([file], Directory.GetFiles(_folder, "*", SearchOption.AllDirectories));
    }

    [Fact]
    public void FileInPlaceOfAFolder_IsAnErrorBeforeTheWork()
    {
        var file = Path.Combine(_folder, "labels");
        File.WriteAllText(file, "");
        var inside = Path.Combine(file, "a", "labels.csv");
        Assert.Contains(inside, Assert.Throws<SlickException>(() => AtomicFile.EnsureWritable(inside)).Message, StringComparison.Ordinal);
        Assert.Equal([file], Directory.GetFileSystemEntries(_folder));
        Assert.Contains("this is a folder", Assert.Throws<SlickException>(() => AtomicFile.EnsureWritable(_folder)).Message,
            StringComparison.Ordinal);
    }
}

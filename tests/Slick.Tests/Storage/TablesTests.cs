using System.Globalization;
using DuckDB.NET.Data;
using Slick.Experiments;
using Slick.Facts;
using Slick.Knowledge;
using Slick.Runtime;
using Slick.Storage;

namespace Slick.Tests.Storage;

public sealed class TablesTests : IDisposable
{
    private readonly string _folder = Scratch.Folder("tables");

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    private sealed record Row
    {
        public required string Text { get; init; }
        public required int Count { get; init; }
        public required double Share { get; init; }
        public required bool Truth { get; init; }
        public required Category Category { get; init; }
    }

    private static readonly Row[] Rows =
    [
        new() { Text = "naïve, \"quoted\"\nline", Count = -1, Share = 0.1, Truth = true, Category = Category.MaybeKnown },
        new() { Text = "", Count = int.MaxValue, Share = double.NaN, Truth = false, Category = Category.Unknown },
    ];

    private string Path(string name = "table.parquet") => System.IO.Path.Combine(_folder, name);

    [Fact]
    public void WrittenTable_ReadsBackEqual()
    {
        Tables.Write(Path(), Rows);
        Assert.Equal(Rows, Tables.Read<Row>(Path()));
    }

    [Fact]
    public void EmptyTable_ReadsBackEmpty()
    {
        Tables.Write<Row>(Path(), []);
        Assert.Empty(Tables.Read<Row>(Path()));
    }

    [Fact]
    public void SameRows_SameBytes()
    {
        Tables.Write(Path("a"), Rows);
        Tables.Write(Path("b"), Rows);
        Assert.Equal(File.ReadAllBytes(Path("a")), File.ReadAllBytes(Path("b")));
    }

    [Theory]
    [InlineData("\r")]
    [InlineData("\f")]
    [InlineData("\u2028")]
    [InlineData("a\r\nb")]
    public void Csv_KeepsWhateverAModelWrites(string text)
    {
        Tables.WriteCsv(Path("t.csv"), [Rows[0] with { Text = text }]);
        Assert.Contains($"\n\"{text}\",", File.ReadAllText(Path("t.csv")), StringComparison.Ordinal);
    }

    [Fact]
    public void Csv_IsUtf8WithQuotesWhereNeeded()
    {
        Tables.WriteCsv(Path("t.csv"), Rows);
        Assert.Equal(
            "Text,Count,Share,Truth,Category\n\"naïve, \"\"quoted\"\"\nline\",-1,0.1,True,MaybeKnown\n,2147483647,NaN,False,Unknown\n",
            System.Text.Encoding.UTF8.GetString(File.ReadAllBytes(Path("t.csv"))));
    }

    [Fact]
    public void DuckDb_ReadsTheSameValues()
    {
        Tables.Write(Path(), Rows);
        using var connection = new DuckDBConnection("DataSource=:memory:");
        connection.Open();
        using var command = connection.CreateCommand();
        command.CommandText = $"select Text, Count, Share, Truth, Category from read_parquet('{Path()}')";
        using var reader = command.ExecuteReader();
        foreach (var row in Rows)
        {
            Assert.True(reader.Read());
            Assert.Equal(row.Text, reader.GetString(0));
            Assert.Equal(row.Count, reader.GetInt32(1));
            Assert.Equal(row.Share, reader.GetDouble(2));
            Assert.Equal(row.Truth, reader.GetBoolean(3));
            Assert.Equal(row.Category.ToString(), reader.GetString(4));
        }
        Assert.False(reader.Read());
    }

    [Fact]
    public void DataFrame_HasAColumnAProperty()
    {
        var frame = Rows.ToDataFrame();
        Assert.Equal(["Text", "Count", "Share", "Truth", "Category"], frame.Columns.Select(c => c.Name));
        Assert.Equal("MaybeKnown", frame["Category"][0]);
        Assert.Equal(int.MaxValue, Convert.ToInt32(frame["Count"][1], CultureInfo.InvariantCulture));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(3)]
    [InlineData(60)]
    [InlineData(-9)]
    public void TruncatedFile_IsAOneLineErrorWithItsPath(int keep)
    {
        Tables.Write(Path(), Rows);
        var bytes = File.ReadAllBytes(Path());
        File.WriteAllBytes(Path(), bytes[..(keep >= 0 ? keep : bytes.Length + keep)]);
        var error = Assert.Throws<SlickException>(() => Tables.Read<Row>(Path()));
        Assert.Contains(Path(), error.Message, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', error.Message);
    }

    private sealed record Other
    {
        public required string Text { get; init; }
        public required int More { get; init; }
    }

    [Fact]
    public void MissingColumn_IsNamed()
    {
        Tables.Write(Path(), Rows);
        Assert.Contains("'More'", Assert.Throws<SlickException>(() => Tables.Read<Other>(Path())).Message, StringComparison.Ordinal);
    }

    private sealed record Younger
    {
        public required string Text { get; init; }
        public double Probability { get; init; } = double.NaN;
        public string More { get; init; } = "none";
    }

    [Fact]
    public void MissingColumnOfAPropertyThatIsNotRequired_KeepsItsDefault()
    {
        Tables.Write(Path(), Rows);
        Assert.Equal(Rows.Select(r => new Younger { Text = r.Text }), Tables.Read<Younger>(Path()));
    }

    [Fact]
    public void FolderThatIsAFile_LeavesNothingBehind()
    {
        File.WriteAllText(Path("file"), "");
        Assert.Throws<SlickException>(() => Tables.Write(System.IO.Path.Combine(Path("file"), "table.parquet"), Rows));
        Assert.Equal([Path("file")], Directory.GetFileSystemEntries(_folder));
    }

    [Fact]
    public void FullDisk_IsAOneLineErrorAndLeavesTheOldFile()
    {
        Tables.Write(Path(), Rows);
        var before = File.ReadAllBytes(Path());
        var error = Assert.Throws<SlickException>(() => AtomicFile.Write(Path(), stream =>
        {
            stream.Write(new byte[100]);
            throw new IOException("No space left on device");
        }));
        Assert.Contains("free some space", error.Message, StringComparison.Ordinal);
        Assert.Equal(before, File.ReadAllBytes(Path()));
        Assert.Equal([Path()], Directory.GetFileSystemEntries(_folder));
    }

    [Fact]
    public void ReadOnlyPlace_IsAOneLineError()
    {
        // Where even root may not make a file.
        if (!Directory.Exists("/proc/self")) Assert.Skip("no /proc on this system");
        Assert.Contains("cannot be written", Assert.Throws<SlickException>(() => Tables.Write("/proc/self/table.parquet", Rows)).Message,
            StringComparison.Ordinal);
        Assert.Contains("--store", Assert.Throws<SlickException>(() => RunStore.Open("/proc/self/store")).Message,
            StringComparison.Ordinal);
    }
}

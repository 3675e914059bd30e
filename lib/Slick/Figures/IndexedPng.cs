using System.Buffers.Binary;
using System.IO.Compression;
using System.Runtime.InteropServices;

namespace Slick.Figures;

/// <summary>
/// Writes a picture as a PNG with a palette, one byte for each pixel. SkiaSharp writes three; a figure's file is then more than twice as
/// large.
/// </summary>
internal static class IndexedPng
{
    /// <summary>The contents of the file. Where the picture has more than 256 colours, rare ones become the most similar of the others.
    /// </summary>
    /// <param name="pixels">Red, green, blue and a fourth byte without meaning, [height, width, 4].</param>
    /// <param name="width">Width in pixels.</param>
    public static byte[] Encode(ReadOnlySpan<byte> pixels, int width)
    {
        var colors = MemoryMarshal.Cast<byte, uint>(pixels);
        var index = Palette(colors, out var palette);
        var rows = new byte[colors.Length / width * (width + 1)]; // each row starts with a 0: no filter
        for (var i = 0; i < colors.Length; i++)
            rows[i / width * (width + 1) + 1 + i % width] = index[colors[i]];
        using var packed = new MemoryStream();
        using (var zlib = new ZLibStream(packed, CompressionLevel.SmallestSize, leaveOpen: true))
            zlib.Write(rows);

        using var png = new MemoryStream();
        png.Write([0x89, .. "PNG\r\n"u8, 0x1a, (byte)'\n']);
        var header = new byte[13];
        BinaryPrimitives.WriteInt32BigEndian(header, width);
        BinaryPrimitives.WriteInt32BigEndian(header.AsSpan(4), colors.Length / width);
        (header[8], header[9]) = (8, 3); // 8 bits, with a palette
        Chunk(png, "IHDR"u8, header);
        Chunk(png, "PLTE"u8, palette);
        Chunk(png, "IDAT"u8, packed.ToArray());
        Chunk(png, "IEND"u8, []);
        return png.ToArray();
    }

    // The place of each colour of the picture in the palette. The palette has the most frequent colours.
    private static Dictionary<uint, byte> Palette(ReadOnlySpan<uint> colors, out byte[] palette)
    {
        var counts = new Dictionary<uint, int>();
        foreach (var color in colors)
            CollectionsMarshal.GetValueRefOrAddDefault(counts, color, out _)++;
        var kept = counts.OrderByDescending(c => c.Value).ThenBy(c => c.Key).Take(256).Select(c => c.Key).ToArray();
        palette = [.. kept.SelectMany(color => Parts(color).Select(part => (byte)part))];
        return counts.Keys.ToDictionary(color => color, color => (byte)(Array.IndexOf(kept, color) is >= 0 and var i ? i
            : Enumerable.Range(0, kept.Length).MinBy(k => Parts(kept[k]).Zip(Parts(color), (a, b) => (a - b) * (a - b)).Sum())));
    }

    private static int[] Parts(uint color)
    {
        var bytes = BitConverter.GetBytes(color);
        return [bytes[0], bytes[1], bytes[2]];
    }

    private static void Chunk(Stream png, ReadOnlySpan<byte> name, ReadOnlySpan<byte> data)
    {
        Span<byte> number = stackalloc byte[4];
        BinaryPrimitives.WriteInt32BigEndian(number, data.Length);
        png.Write(number);
        png.Write(name);
        png.Write(data);
        BinaryPrimitives.WriteUInt32BigEndian(number, ~Crc(Crc(uint.MaxValue, name), data));
        png.Write(number);
    }

    // The checksum of the PNG specification (ISO/IEC 15948, annex D).
    private static uint Crc(uint crc, ReadOnlySpan<byte> data)
    {
        foreach (var one in data)
        {
            crc ^= one;
            for (var bit = 0; bit < 8; bit++)
                crc = (crc >> 1) ^ ((crc & 1) == 0 ? 0 : 0xEDB88320);
        }
        return crc;
    }
}

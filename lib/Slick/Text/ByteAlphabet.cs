using System.Text;

namespace Slick.Text;

/// <summary>
/// Writes bytes as characters, as GPT-2 does (Radford et al. 2019). A byte that is a printable character of Latin-1 is written as this
/// character. The other bytes, in order, are written as U+0100 and the characters after it.
/// </summary>
internal static class ByteAlphabet
{
    private static readonly char[] Characters = Make();
    private static readonly Dictionary<char, byte> Bytes = Characters.Select((c, b) => (c, b)).ToDictionary(p => p.c, p => (byte)p.b);

    private static char[] Make()
    {
        var characters = new char[256];
        var next = 0;
        for (var b = 0; b < 256; b++)
            characters[b] = b is >= '!' and <= '~' or >= 0xA1 and <= 0xAC or >= 0xAE ? (char)b : (char)(256 + next++);
        return characters;
    }

    /// <summary>The character that a byte is written as.</summary>
    public static char Of(byte value) => Characters[value];

    /// <summary>The UTF-8 bytes of a text, each written as one character.</summary>
    public static string FromText(string text)
    {
        var bytes = Encoding.UTF8.GetBytes(text);
        return string.Create(bytes.Length, bytes, static (span, b) =>
        {
            for (var i = 0; i < b.Length; i++) span[i] = Characters[b[i]];
        });
    }

    /// <summary>The bytes that a token is written for. A token with other characters stands for the UTF-8 bytes of its text.</summary>
    public static byte[] ToBytes(string token)
    {
        var bytes = new byte[token.Length];
        for (var i = 0; i < token.Length; i++)
        {
            if (!Bytes.TryGetValue(token[i], out var b)) return Encoding.UTF8.GetBytes(token);
            bytes[i] = b;
        }
        return bytes;
    }
}

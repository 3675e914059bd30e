using System.Text;

namespace Slick.Text;

/// <summary>
/// GPT-2's way to write bytes as characters (Radford et al. 2019): printable ones of Latin-1 stand for themselves, the
/// others, in order, for U+0100 and on.
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

    /// <summary>The character of a byte.</summary>
    public static char Of(byte value) => Characters[value];

    /// <summary>The UTF-8 bytes of a text, one character each.</summary>
    public static string FromText(string text)
    {
        var bytes = Encoding.UTF8.GetBytes(text);
        return string.Create(bytes.Length, bytes, static (span, b) =>
        {
            for (var i = 0; i < b.Length; i++) span[i] = Characters[b[i]];
        });
    }

    /// <summary>The bytes that a token stands for; a token with other characters stands for its own UTF-8 bytes.</summary>
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

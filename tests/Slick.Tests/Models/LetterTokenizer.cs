using Slick.Text;

namespace Slick.Tests.Models;

/// <summary>
/// A token a letter, or a letter with the space before it, as real vocabularies have words: 101 ids, as many as the tiny models'.
/// </summary>
/// <param name="joins">True: ".\n" is one token, as for Llama 3 and Qwen.</param>
internal sealed class LetterTokenizer(bool joins = false) : ITokenizer
{
    private const string Letters = "abcdefghijklmnopqrstuvwxyzQA:?.,0123456789BCDEFGH";
    public const int Joined = 0, End = 1, LineFeed = 2, Plain = 3;
    public static readonly int Spaced = Plain + Letters.Length;

    public int VocabularySize => Spaced + Letters.Length;
    public int? BosId => null;
    public int? EosId => End;

    public int[] Encode(string text, bool addSpecialTokens = true)
    {
        var ids = new List<int>();
        for (var i = 0; i < text.Length; i++)
        {
            if (text[i] == '\n') ids.Add(LineFeed);
            else if (joins && text[i] == '.' && i + 1 < text.Length && text[i + 1] == '\n')
            {
                ids.Add(Joined);
                i++;
            }
            else if (text[i] == ' ') ids.Add(Spaced + IndexOf(text[++i]));
            else ids.Add(Plain + IndexOf(text[i]));
        }
        return [.. ids];
    }

    private static int IndexOf(char letter) => Letters.IndexOf(letter) is >= 0 and var at ? at
        : throw new ArgumentException($"'{letter}' has no token.");

    public string Decode(IReadOnlyList<int> ids) => string.Concat(ids.Select(id => id switch
    {
        Joined => joins ? ".\n" : "",
        End => "",
        LineFeed => "\n",
        _ when id < Spaced => Letters[id - Plain].ToString(),
        _ => " " + Letters[id - Spaced],
    }));

    public bool StartsWithLineFeed(int id) => id == LineFeed;
}

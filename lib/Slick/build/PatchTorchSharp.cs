using System;
using System.IO;
using System.Linq;
using System.Text;
using Microsoft.Build.Framework;
using Microsoft.Build.Utilities;

/// <summary>
/// Makes one shared library load on a system whose libstdc++ lacks GLIBCXX_3.4.32. Only the symbol
/// std::ios_base_library_init needs that version; std::ios_base::Init's constructor does the same work and is as old as
/// the library. So the symbol's name, its version and the version's entry in the list of needs are changed (ELF: System V
/// gABI; version sections: the Linux Standard Base, "Symbol Versioning").
/// </summary>
public class PatchTorchSharp : Task
{
    const string OldSymbol = "_ZSt21ios_base_library_initv";
    const string NewSymbol = "_ZNSt8ios_base4InitC1Ev";
    const string OldVersion = "GLIBCXX_3.4.32";
    const string NewVersion = "GLIBCXX_3.4";

    [Required]
    public string Library { get; set; }

    public override bool Execute()
    {
        if (SystemHasVersion()) return true;
        var bytes = File.ReadAllBytes(Library);
        if (Find(bytes, Encoding.ASCII.GetBytes(OldSymbol + "\0"), 0, bytes.Length) < 0) return true;
        try
        {
            Patch(bytes);
        }
        catch (Exception e)
        {
            Log.LogWarning(
                "{0} could not be adapted to this system's libstdc++, which lacks {1} ({2}); install libstdc++6 of GCC 13 or newer.",
                Library, OldVersion, e.Message);
            return true;
        }
        // Written aside and renamed: the old name may be a hard link into the package cache. Its time stays, so that
        // the next build does not copy the file again.
        var time = File.GetLastWriteTimeUtc(Library);
        var aside = Library + ".patched";
        File.WriteAllBytes(aside, bytes);
        File.SetLastWriteTimeUtc(aside, time);
        File.Delete(Library);
        File.Move(aside, Library);
        return true;
    }

    static bool SystemHasVersion()
    {
        var folders = new[] { "/usr/lib/x86_64-linux-gnu", "/lib/x86_64-linux-gnu", "/usr/lib64", "/lib64", "/usr/lib" };
        var file = folders.Select(f => Path.Combine(f, "libstdc++.so.6")).FirstOrDefault(File.Exists);
        if (file == null) return false;
        var bytes = File.ReadAllBytes(file);
        return Find(bytes, Encoding.ASCII.GetBytes(OldVersion + "\0"), 0, bytes.Length) >= 0;
    }

    static void Patch(byte[] b)
    {
        if (b[0] != 0x7F || b[1] != 'E' || b[2] != 'L' || b[3] != 'F' || b[4] != 2) throw new InvalidDataException("no 64-bit ELF file");
        long sections = BitConverter.ToInt64(b, 0x28);
        int entry = BitConverter.ToUInt16(b, 0x3A), count = BitConverter.ToUInt16(b, 0x3C);
        long strings = 0, stringsSize = 0, symbols = 0, symbolsSize = 0, versions = 0, needs = 0, needsCount = 0;
        for (var i = 0; i < count; i++)
        {
            var at = (int)(sections + (long)i * entry);
            var type = BitConverter.ToUInt32(b, at + 4);
            var offset = BitConverter.ToInt64(b, at + 0x18);
            var size = BitConverter.ToInt64(b, at + 0x20);
            if (type == 11) // SHT_DYNSYM; its link is the string table
            {
                symbols = offset;
                symbolsSize = size;
                var link = (int)(sections + (long)BitConverter.ToUInt32(b, at + 0x28) * entry);
                strings = BitConverter.ToInt64(b, link + 0x18);
                stringsSize = BitConverter.ToInt64(b, link + 0x20);
            }
            else if (type == 0x6FFFFFFF) versions = offset;
            else if (type == 0x6FFFFFFE)
            {
                needs = offset;
                needsCount = BitConverter.ToUInt32(b, at + 0x2C);
            }
        }
        if (symbols == 0 || versions == 0 || needs == 0) throw new InvalidDataException("no versioned dynamic symbols");

        int oldIndex = -1, newIndex = -1, oldAt = -1;
        uint newName = 0;
        var need = (int)needs;
        for (var i = 0; i < needsCount; i++)
        {
            var aux = need + (int)BitConverter.ToUInt32(b, need + 8);
            for (var j = 0; j < BitConverter.ToUInt16(b, need + 2); j++)
            {
                var name = BitConverter.ToUInt32(b, aux + 8);
                var text = Text(b, (int)(strings + name));
                if (text == OldVersion) { oldIndex = BitConverter.ToUInt16(b, aux + 6); oldAt = aux; }
                if (text == NewVersion) { newIndex = BitConverter.ToUInt16(b, aux + 6); newName = name; }
                aux += (int)BitConverter.ToUInt32(b, aux + 12);
            }
            need += (int)BitConverter.ToUInt32(b, need + 12);
        }
        if (oldAt < 0 || newIndex < 0) throw new InvalidDataException("its list of needed versions is not as expected");

        var symbolName = Find(b, Encoding.ASCII.GetBytes(OldSymbol + "\0"), (int)strings, (int)(strings + stringsSize)) - (int)strings;
        var users = 0;
        for (var i = 0; i < symbolsSize / 24; i++)
        {
            var version = (int)versions + 2 * i;
            if ((BitConverter.ToUInt16(b, version) & 0x7FFF) != oldIndex) continue;
            if (BitConverter.ToUInt32(b, (int)symbols + 24 * i) != symbolName) throw new InvalidDataException("another symbol needs "
                + OldVersion);
            Put(b, version, BitConverter.GetBytes((ushort)newIndex));
            users++;
        }
        if (users != 1) throw new InvalidDataException("the symbol is not used as expected");
        Put(b, (int)strings + symbolName, Encoding.ASCII.GetBytes(NewSymbol + "\0"));
        Put(b, oldAt, BitConverter.GetBytes(Hash(NewVersion)));
        Put(b, oldAt + 8, BitConverter.GetBytes(newName));
    }

    static void Put(byte[] target, int at, byte[] value) { Array.Copy(value, 0, target, at, value.Length); }

    static string Text(byte[] b, int at)
    {
        var end = Array.IndexOf(b, (byte)0, at);
        return Encoding.ASCII.GetString(b, at, end - at);
    }

    static uint Hash(string name)
    {
        uint h = 0;
        foreach (var c in name)
        {
            h = (h << 4) + c;
            var g = h & 0xF0000000;
            if (g != 0) h ^= g >> 24;
            h &= ~g;
        }
        return h;
    }

    static int Find(byte[] haystack, byte[] needle, int from, int to)
    {
        for (var i = Array.IndexOf(haystack, needle[0], from); i >= 0 && i + needle.Length <= to;
            i = Array.IndexOf(haystack, needle[0], i + 1))
        {
            var j = 1;
            while (j < needle.Length && haystack[i + j] == needle[j]) j++;
            if (j == needle.Length) return i;
        }
        return -1;
    }
}

/* mswsock.dll as a layer that some firewalls and virus scanners put under Winsock: AcceptEx always fails, TransmitFile is not
 * there. For `make check-windows`, in a folder with a copy of httpd.exe, which finds it there first.
 *
 *     x86_64-w64-mingw32-gcc -O -shared -o mswsock.dll layer.c -lws2_32
 */
#include <string.h>
#include <winsock2.h>
#include <windows.h>

#define GET_FUNCTION 0xC8000006 /* SIO_GET_EXTENSION_FUNCTION_POINTER */

typedef int WSAAPI Control(SOCKET, DWORD, void *, DWORD, void *, DWORD, DWORD *, WSAOVERLAPPED *, LPWSAOVERLAPPED_COMPLETION_ROUTINE);

static const GUID accept_ex = { 0xb5367df1, 0xcbac, 0x11cf, { 0x95, 0xca, 0x00, 0x80, 0x5f, 0x48, 0xa1, 0x92 } };
static Control *real_control;

static BOOL WSAAPI refuse(SOCKET listener, SOCKET socket, void *room, DWORD a, DWORD b, DWORD c, DWORD *got, OVERLAPPED *record)
{
    WSASetLastError(WSAEFAULT);
    return FALSE;
}

static int WSAAPI control(SOCKET socket, DWORD code, void *in, DWORD in_size, void *out, DWORD out_size, DWORD *got,
                          WSAOVERLAPPED *record, LPWSAOVERLAPPED_COMPLETION_ROUTINE routine)
{
    int result = real_control(socket, code, in, in_size, out, out_size, got, record, routine);
    if (result == 0 && code == GET_FUNCTION && in_size == sizeof accept_ex && memcmp(in, &accept_ex, sizeof accept_ex) == 0)
        *(void **)out = (void *)refuse;
    return result;
}

/* Puts `control` where the program looks for WSAIoctl. */
static void settle_in(char *base)
{
    IMAGE_NT_HEADERS *head = (void *)(base + ((IMAGE_DOS_HEADER *)base)->e_lfanew);
    IMAGE_DATA_DIRECTORY *imports = &head->OptionalHeader.DataDirectory[IMAGE_DIRECTORY_ENTRY_IMPORT];
    IMAGE_IMPORT_DESCRIPTOR *dll = (void *)(base + imports->VirtualAddress);
    for (; dll->Name; dll++) {
        IMAGE_THUNK_DATA *name = (void *)(base + dll->OriginalFirstThunk);
        IMAGE_THUNK_DATA *place = (void *)(base + dll->FirstThunk);
        for (; name->u1.AddressOfData; name++, place++) {
            IMAGE_IMPORT_BY_NAME *found = (void *)(base + name->u1.AddressOfData);
            DWORD before;
            if (IMAGE_SNAP_BY_ORDINAL(name->u1.Ordinal) || strcmp((char *)found->Name, "WSAIoctl") != 0) continue;
            real_control = (Control *)place->u1.Function;
            VirtualProtect(&place->u1.Function, sizeof place->u1.Function, PAGE_READWRITE, &before);
            place->u1.Function = (ULONG_PTR)control;
        }
    }
}

__declspec(dllexport) BOOL WSAAPI TransmitFile(SOCKET socket, HANDLE file, DWORD count, DWORD each, OVERLAPPED *record, void *buffers, DWORD flags)
{
    WSASetLastError(WSAEOPNOTSUPP);
    return FALSE;
}

BOOL WINAPI DllMain(HINSTANCE self, DWORD reason, void *reserved)
{
    if (reason == DLL_PROCESS_ATTACH) settle_in((char *)GetModuleHandleA(NULL));
    return TRUE;
}

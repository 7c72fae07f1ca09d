"""Certificates made by openssl: an authority, and servers that it vouches for, or does not."""
import subprocess


def openssl(*arguments, stdin=None):
    done = subprocess.run(["openssl", *map(str, arguments)], capture_output=True, timeout=30, input=stdin)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout


class Authority:
    def __init__(self, folder):
        self.folder = folder
        self.certificate, self.key = self.self_signed("authority", "CA:TRUE")

    def self_signed(self, name, basic="CA:FALSE", host="127.0.0.1"):
        """(certificate, key), as files."""
        certificate, key = self.folder / f"{name}.pem", self.folder / f"{name}.key"
        openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", key, "-out",
                certificate, "-subj", f"/CN={name}", "-days", 2, "-addext", f"basicConstraints=critical,{basic}",
                "-addext", f"subjectAltName={self.alternative(host)}")
        return certificate, key

    @staticmethod
    def alternative(host):
        return ("IP:" if host.replace(".", "").isdigit() else "DNS:") + host

    def issue(self, name, host="127.0.0.1", days=2):
        """days below 0: it has expired."""
        certificate, key = self.folder / f"{name}.pem", self.folder / f"{name}.key"
        request, extensions = self.folder / f"{name}.csr", self.folder / f"{name}.ext"
        extensions.write_text(f"subjectAltName={self.alternative(host)}\n")
        openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", key, "-out", request,
                "-subj", f"/CN={name}")
        openssl("x509", "-req", "-in", request, "-CA", self.certificate, "-CAkey", self.key, "-CAcreateserial", "-out",
                certificate, "-days", days, "-extfile", extensions)
        return certificate, key
